#include "node/remote/foreign.h"

#include <algorithm>

namespace phoenix {

ForeignNo ForeignTable::add(PacketPtr head, MemberNo member, HostLife keeper) {
  ForeignNo no = static_cast<ForeignNo>(entries_.size());
  if (free_.empty()) {
    entries_.emplace_back();
  } else {
    no = free_.back();
    free_.pop_back();
  }
  by_key_.emplace(head->key, no);
  count(member, keeper, head->spec->load);
  Held& held = by_member_[member];
  Foreign& entry = entries_[no];
  entry = Foreign{};
  entry.head = std::move(head);
  entry.member = member;
  entry.keeper = std::move(keeper);
  entry.listed_at = static_cast<uint32_t>(held.entries.size());
  entry.used = true;
  held.entries.push_back(no);
  return no;
}

void ForeignTable::drop(ForeignNo no) {
  Foreign& entry = entries_[no];
  count(entry.member, entry.keeper, -int64_t{entry.head->spec->load});
  const auto it = by_member_.find(entry.member);
  std::vector<ForeignNo>& list = it->second.entries;
  list[entry.listed_at] = list.back();
  entries_[list.back()].listed_at = entry.listed_at;
  list.pop_back();
  if (list.empty()) by_member_.erase(it);
  by_key_.erase(entry.head->key);
  entry = Foreign{};
  free_.push_back(no);
}

void ForeignTable::set_keeper(ForeignNo no, const HostLife& keeper) {
  Foreign& entry = entries_[no];
  if (entry.keeper == keeper) return;
  count(entry.member, entry.keeper, -int64_t{entry.head->spec->load});
  entry.keeper = keeper;
  count(entry.member, keeper, entry.head->spec->load);
}

ForeignNo ForeignTable::find(const PacketKey& key) const {
  const auto it = by_key_.find(key);
  return it == by_key_.end() ? kNoForeign : it->second;
}

const std::vector<ForeignNo>& ForeignTable::of(MemberNo member) const {
  static const std::vector<ForeignNo> kNone;
  const auto it = by_member_.find(member);
  return it == by_member_.end() ? kNone : it->second.entries;
}

uint32_t ForeignTable::load(MemberNo member, const HostLife& keeper) const {
  for (const auto& [host, load] : loads(member)) {
    if (host == keeper) return load;
  }
  return 0;
}

const std::vector<std::pair<HostLife, uint32_t>>& ForeignTable::loads(MemberNo member) const {
  static const std::vector<std::pair<HostLife, uint32_t>> kNone;
  const auto it = by_member_.find(member);
  return it == by_member_.end() ? kNone : it->second.loads;
}

void ForeignTable::count(MemberNo member, const HostLife& keeper, int64_t load) {
  auto& loads = by_member_[member].loads;
  const auto it = std::find_if(loads.begin(), loads.end(),
                               [&](const auto& entry) { return entry.first == keeper; });
  if (it == loads.end()) {
    loads.emplace_back(keeper, static_cast<uint32_t>(load));
    return;
  }
  it->second = static_cast<uint32_t>(it->second + load);
  if (it->second == 0) loads.erase(it);
}

}  // namespace phoenix
