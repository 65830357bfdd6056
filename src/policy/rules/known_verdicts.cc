#include "policy/rules/known_verdicts.h"

#include <algorithm>

namespace phoenix::policy {

void KnownVerdicts::Row::keep(uint32_t member, Verdict verdict) {
  if (member >= room() || verdict == Verdict::kRequireApproval) return;
  auto& bits = verdict == Verdict::kAllow ? allowed_ : denied_;
  bits[member / 64] |= uint64_t{1} << member % 64;
}

void KnownVerdicts::Row::forget(uint32_t member) {
  if (member >= room()) return;
  const uint64_t others = ~(uint64_t{1} << member % 64);
  allowed_[member / 64] &= others;
  denied_[member / 64] &= others;
}

// A row that has become too small begins anew, twice as large: as often as members double.
std::shared_ptr<KnownVerdicts::Row> KnownVerdicts::row(uint64_t packet_class, size_t members) {
  std::shared_ptr<Row>& row = rows_[packet_class % kRows];
  const bool same = row && row->packet_class() == packet_class;
  if (same && row->room() >= members) return row;
  const size_t room = same ? std::max(members, 2 * row->room()) : members;
  row = std::make_shared<Row>(packet_class, room);
  return row;
}

void KnownVerdicts::forget(uint32_t member) {
  for (const std::shared_ptr<Row>& row : rows_) {
    if (row) row->forget(member);
  }
}

}  // namespace phoenix::policy
