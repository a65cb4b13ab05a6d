#include "ctdbd/daemon/hot_keys.h"

#include <algorithm>
#include <vector>

namespace ctdbd::daemon {

namespace {

using Entry = std::pair<const std::string, std::uint32_t>;

} // namespace

std::uint32_t HotKeys::moved(const std::string& key, Clock::time_point now) {
    if (now >= second_ends_) {
        this_second_.clear();
        second_ends_ = now + std::chrono::seconds(1);
    }
    const std::uint32_t count = ++this_second_[key];
    if (const auto known = hottest_.find(key); known != hottest_.end()) {
        known->second = std::max(known->second, count);
        return count;
    }
    if (hottest_.size() == protocol::hot_keys) {
        const auto coldest = std::ranges::min_element(hottest_, {}, &Entry::second);
        if (coldest->second >= count) return count;
        hottest_.erase(coldest);
    }
    hottest_.emplace(key, count);
    return count;
}

std::array<protocol::HotKey, protocol::hot_keys> HotKeys::hottest() const {
    std::vector<protocol::HotKey> sorted;
    for (const auto& [key, count] : hottest_)
        sorted.push_back({count, base::Bytes::copy_of(std::string_view(key))});
    std::ranges::stable_sort(sorted, std::ranges::greater{}, &protocol::HotKey::count);
    std::array<protocol::HotKey, protocol::hot_keys> list;
    std::ranges::move(sorted, list.begin());
    return list;
}

} // namespace ctdbd::daemon
