#include "sim/check/lineage.h"

#include <fmt/format.h>

#include "lineage/form/entry.h"
#include "lineage/tree/frontier.h"

namespace phoenix::sim {
namespace {

bool same(const std::optional<lineage::Party>& party, const std::optional<Owner>& owner) {
  if (party.has_value() != owner.has_value()) return false;
  return !party || (party->id == owner->id && party->incarnation == owner->incarnation);
}

}  // namespace

std::string fault_of_entry(const Packet* before, const PutPacket& put) {
  const Packet& after = *put.head;
  const auto entry = lineage::decode<lineage::Entry>(put.entry.recorded);
  if (!entry) return "its entry cannot be read: " + entry.error().detail;
  if (lineage::encode(*entry) != put.entry.recorded) return "its entry has a second form";
  if (entry->subject != after.key.id() || entry->epoch != after.epoch ||
      entry->revision != after.revision || entry->event != put.entry.event) {
    return "its entry tells of another change";
  }
  static const Packet kNothing = {};
  const Packet& old = before == nullptr ? kNothing : *before;
  const bool moved = old.owner != after.owner || old.epoch != after.epoch;
  const bool ended = is_terminal(after.status) != is_terminal(old.status);
  if (!entry->leg) {
    if (moved || ended) return "a change of owner left no leg";
    if (after.legs != old.legs || after.last_leg != old.last_leg) return "a leg without a leg";
    return {};
  }
  const lineage::Leg& leg = *entry->leg;
  if (leg.number != old.legs + 1 || after.legs != leg.number) {
    return fmt::format("leg {} follows leg {}", leg.number, old.legs);
  }
  if (leg.previous != old.last_leg) return "its leg hangs on another one than the newest";
  if (after.last_leg != lineage::leaf_hash(put.entry.recorded)) return "its head names another leg";
  if (!same(leg.from, old.owner)) return "its leg begins at somebody who did not have it";
  if (!same(leg.to, after.owner)) return "its leg ends at somebody else than its owner";
  if (leg.terminal.has_value() != is_terminal(after.status)) return "its leg ends another life";
  return {};
}

}  // namespace phoenix::sim
