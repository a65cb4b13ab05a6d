// The application of record-service runs: the product's lock, record, database and message services
// on every node, over simulated TDB files, with clients that use them and judges that see all
// machines at once. What may not happen is said in census.h, record_judge.h and database_judge.h.
#pragma once

#include "sim/records/record_node.h"

namespace sim::records {

class RecordRuns final : public Applications {
public:
    explicit RecordRuns(const Scenario& scenario);

    std::unique_ptr<Application> make(Surroundings& surroundings) override;
    [[nodiscard]] std::optional<Finding> judge() override;

    [[nodiscard]] const Judges& judges() const { return judges_; }

private:
    RecordPlan plan_;
    bool heals_;
    Judges judges_;
    std::set<const RecordNode*> alive_;
};

} // namespace sim::records
