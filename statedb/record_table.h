// The entries of a directory: all records that there are, each as small as can be, for there may be
// millions of them on every node (docs/adr/0023-lost-records-are-looked-for-when-wanted.md).
//
// An entry is one piece of memory with its key inside, found by its name and listed with all others
// that have the same owner. What only few records have (a queue, a search) stands elsewhere. What
// an entry's standing means, and when it changes, is directory.h's business.
#pragma once

#include "statedb/record_types.h"

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>

#include <map>
#include <string_view>

namespace statedb {

// Whose records these are, and whether he has them.
struct Standing {
    ProcessorId owner;
    // In which epoch he departed; nobody has looked for them since. 0: he is here, they are his.
    std::uint64_t departed = 0;

    friend auto operator<=>(const Standing&, const Standing&) = default;
};

// Stands for the epoch of departure where copies are being looked for.
inline constexpr std::uint64_t being_sought = ~std::uint64_t{0};

struct Estate;

namespace intrusive = boost::intrusive;

using ByName = intrusive::set_base_hook<intrusive::optimize_size<true>,
                                        intrusive::link_mode<intrusive::normal_link>>;
using ByStanding = intrusive::list_base_hook<intrusive::link_mode<intrusive::normal_link>>;

class RecordEntry : public ByName, public ByStanding {
public:
    RecordEntry(const RecordEntry&) = delete;
    RecordEntry& operator=(const RecordEntry&) = delete;

    [[nodiscard]] DatabaseId db() const { return db_; }

    [[nodiscard]] std::string_view key() const {
        return {reinterpret_cast<const char*>(this + 1), key_size_};
    }

    [[nodiscard]] RecordName name() const { return {db_, std::string(key())}; }

    [[nodiscard]] const Standing& standing() const;

    [[nodiscard]] ProcessorId owner() const { return standing().owner; }

    // Its owner departed, or is here and lacks it: the newest copy is, or will be, looked for.
    [[nodiscard]] bool lost() const { return standing().departed != 0; }

    [[nodiscard]] Grant grant() const { return grant_; }

private:
    friend class RecordTable;

    RecordEntry(DatabaseId db, std::uint32_t key_size) : db_(db), key_size_(key_size) {}

    ~RecordEntry() = default;

    Estate* estate_ = nullptr; // in which it is listed
    Grant grant_ = 0;
    DatabaseId db_;
    std::uint32_t key_size_; // the key's bytes are behind this object
};

static_assert(sizeof(RecordEntry) <= 64, "every node has one for every record");

// All records of one standing. A departed owner's become lost together, and are found without
// looking at any other.
struct Estate {
    Standing standing;
    intrusive::list<RecordEntry, intrusive::base_hook<ByStanding>> entries = {};
    std::uint64_t digest = 0; // sum over the entries
};

class RecordTable {
public:
    RecordTable() = default;

    ~RecordTable() { clear(); }

    RecordTable(const RecordTable&) = delete;
    RecordTable& operator=(const RecordTable&) = delete;

    [[nodiscard]] RecordEntry* find(const RecordName& record);
    [[nodiscard]] const RecordEntry* find(const RecordName& record) const;
    RecordEntry& create(const RecordName& record, Standing standing, Grant grant);
    void change(RecordEntry& entry, Standing standing, Grant grant);
    void erase(RecordEntry& entry);
    void clear();
    // Whatever stands so stands otherwise from now on; nothing does so yet.
    void rename(Standing from, Standing to);
    void forget_empty_estates();

    [[nodiscard]] std::size_t size() const { return entries_.size(); }

    [[nodiscard]] const std::map<Standing, Estate>& estates() const { return estates_; }

    [[nodiscard]] const Estate* estate(Standing standing) const;

    // In the order of their names.
    template <class Look>
    void each(Look look) const {
        for (const RecordEntry& entry : entries_)
            look(entry);
    }

    [[nodiscard]] std::vector<RecordName> of_database(DatabaseId db) const;
    [[nodiscard]] std::uint64_t digest() const;

private:
    struct Name {
        DatabaseId db = 0;
        std::string_view key;

        friend auto operator<=>(const Name&, const Name&) = default;
    };

    struct NameOf {
        using type = Name;

        Name operator()(const RecordEntry& entry) const { return {entry.db(), entry.key()}; }
    };

    void list(RecordEntry& entry, Standing standing, Grant grant);
    static void unlist(RecordEntry& entry);

    std::map<Standing, Estate> estates_;
    intrusive::set<RecordEntry, intrusive::base_hook<ByName>, intrusive::key_of_value<NameOf>>
        entries_;
};

inline const Standing& RecordEntry::standing() const { return estate_->standing; }

} // namespace statedb
