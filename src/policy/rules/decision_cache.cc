#include "policy/rules/decision_cache.h"

#include <algorithm>
#include <bit>

namespace phoenix::policy {

DecisionCache::DecisionCache(std::shared_ptr<const PolicySet> set, size_t entries)
    : set_(std::move(set)), slots_(std::bit_ceil(entries)) {
  look_at_rules();
}

void DecisionCache::replace(std::shared_ptr<const PolicySet> set) {
  set_ = std::move(set);
  slots_.assign(slots_.size(), Slot());
  look_at_rules();
}

void DecisionCache::look_at_rules() {
  const auto differs = [](uint16_t slot) {
    return is_stable(slot) && slot > kPacketSlot &&
           slot != kPacketSlot + static_cast<uint16_t>(PacketField::kNamespace);
  };
  for (size_t point = 0; point < kPoints; ++point) {
    const auto rules = set_->rules(static_cast<Point>(point));
    by_class_[point] = std::any_of(rules.begin(), rules.end(), [&](const Rule& rule) {
      return std::any_of(rule.condition.slots.begin(), rule.condition.slots.end(), differs);
    });
  }
}

// Keys are numbers of our own, so their mixture need not withstand anybody.
size_t DecisionCache::slot_of(Point point, const DecisionKey& key) const {
  uint64_t mixed = key.member * 0x9E3779B97F4A7C15 + static_cast<uint64_t>(point);
  mixed = (mixed ^ mixed >> 32) * 0xD6E8FEB86659FD93 + key.packet_class;
  mixed = (mixed ^ mixed >> 32) * 0xD6E8FEB86659FD93 + key.revision;
  mixed = (mixed ^ mixed >> 32) * 0xD6E8FEB86659FD93;
  return (mixed ^ mixed >> 32) & (slots_.size() - 1);
}

const Tally* DecisionCache::find(Point point, const DecisionKey& key) const {
  const Slot& slot = slots_[slot_of(point, key)];
  return slot.point == static_cast<uint8_t>(point) && slot.key == key ? &slot.tally : nullptr;
}

std::optional<Decision> DecisionCache::known(Point point, const DecisionKey& key) const {
  if (!set_->has_policy(point)) return Decision();
  const Tally* tally = find(point, kept_key(point, key));
  if (tally == nullptr || !set_->is_settled(point, *tally)) return std::nullopt;
  return set_->conclude(point, *tally);
}

Decision DecisionCache::decide(Point point, const DecisionKey& key, const Input& input,
                               cel::Scratch& scratch) {
  if (!set_->has_policy(point)) return {};
  const DecisionKey kept = kept_key(point, key);
  if (const Tally* tally = find(point, kept)) return set_->finish(point, *tally, input, scratch);
  const Tally tally = set_->ask_stable(point, input, scratch);
  slots_[slot_of(point, kept)] = {kept, tally, static_cast<uint8_t>(point)};
  return set_->finish(point, tally, input, scratch);
}

}  // namespace phoenix::policy
