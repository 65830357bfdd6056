#include "ring/catalogue/catalogue.h"

#include <algorithm>

#include "ring/encoder.h"

namespace phoenix {

using ring::Vnode;

std::shared_ptr<RingCatalogue> shared_catalogue(const RingKey& key, Position position_mask) {
  return std::make_shared<RingCatalogue>(key, position_mask, true);
}

uint64_t RingCatalogue::name_of(std::string_view ns, std::string_view id) const {
  ring::Encoder encoder;
  encoder.text(ns);
  encoder.text(id);
  return siphash13(key_, encoder.view());
}

MemberIndex RingCatalogue::find(const RingMember& record) const {
  const auto [first, last] = by_name_.equal_range(name_of(record.ns, record.id));
  const auto found = std::find_if(
      first, last, [&](const auto& entry) { return members_.is(entry.second, record); });
  return found == last ? kNoMember : found->second;
}

MemberIndex RingCatalogue::acquire(const RingMember& record) {
  if (shared_) {
    const MemberIndex found = find(record);
    if (found != kNoMember) {
      members_.use(found);
      return found;
    }
  }
  const MemberIndex index = members_.add(record);
  circle_.add(index);
  if (shared_) by_name_.emplace(name_of(record.ns, record.id), index);
  return index;
}

void RingCatalogue::release(MemberIndex index, std::vector<Vnode> vnodes) {
  if (!is_last_user(index)) return members_.give_up(index);
  if (vnodes.empty()) vnodes = members_.vnodes_of(index);
  circle_.remove(index, vnodes);
  if (shared_) {
    const auto [first, last] =
        by_name_.equal_range(name_of(members_.ns(index), members_[index].id));
    by_name_.erase(
        std::find_if(first, last, [&](const auto& entry) { return entry.second == index; }));
  }
  members_.remove(index);
}

MemberIndex RingCatalogue::successor(MemberIndex index, const RingMember& record) {
  if (is_last_user(index) && (!shared_ || find(record) == kNoMember)) return index;
  return acquire(record);
}

std::vector<Vnode> RingCatalogue::change(MemberIndex index, const RingMember& record,
                                         const std::vector<Vnode>& before) {
  const bool reweighed = members_[index].weight != record.weight;
  const uint64_t old_signature = members_.signatures()[index];
  members_.set_capabilities(index, record);
  members_.set_weight(index, record.weight);
  std::vector<Vnode> after = reweighed ? members_.vnodes_of(index) : before;
  const size_t common = std::min(before.size(), after.size());
  circle_.change(index, std::span(after).subspan(common), std::span(before).subspan(common));
  if (members_.signatures()[index] != old_signature) circle_.mark(index, after);
  return after;
}

}  // namespace phoenix
