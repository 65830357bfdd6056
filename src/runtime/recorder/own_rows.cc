#include "runtime/recorder/own_rows.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "lineage/tree/frontier.h"

namespace phoenix {
namespace {

// The entry of the op's row in the log; null: it has no row.
const std::string* entry_of(const Op& op) {
  if (const auto* packet = std::get_if<PutPacket>(&op)) return &packet->entry.recorded;
  if (const auto* note = std::get_if<PutNote>(&op)) return &note->entry.recorded;
  if (const auto* document = std::get_if<PutDocument>(&op)) return &document->recorded;
  const auto* member = std::get_if<PutMember>(&op);
  return member != nullptr && !member->event.empty() ? &member->recorded : nullptr;
}

}  // namespace

OwnRows own_rows(std::span<const Group> written, const CommitResult& result) {
  const auto& logs = result.last_event.positions();
  if (logs.size() != 1 || result.outcomes.size() != written.size()) return {};
  OwnRows rows{.log = logs.front().first, .last = logs.front().second, .leaves = {}};
  for (size_t i = 0; i < written.size(); ++i) {
    if (result.outcomes[i] == Outcome::kUnknown) return {};
    if (result.outcomes[i] != Outcome::kCommitted) continue;
    for (const Op& op : written[i].ops) {
      const std::string* entry = entry_of(op);
      if (entry == nullptr) continue;
      if (entry->empty()) return {};
      rows.leaves.push_back(lineage::leaf_hash(*entry));
    }
  }
  return rows.leaves.size() <= rows.last ? std::move(rows) : OwnRows{};
}

void OwnRowQueue::add(OwnRows rows) {
  if (rows.leaves.empty() || leaves_ + rows.leaves.size() > kMostLeaves) return;
  leaves_ += rows.leaves.size();
  rows_.push_back(std::move(rows));
}

std::vector<Digest> OwnRowQueue::take(uint32_t log, uint64_t from, uint64_t until) {
  std::vector<Digest> taken;
  while (!rows_.empty() && rows_.front().log == log) {
    const OwnRows& rows = rows_.front();
    if (rows.last >= from) {
      if (rows.first() > from || rows.last > until) break;
      const auto begin = rows.leaves.begin() + static_cast<std::ptrdiff_t>(from - rows.first());
      taken.insert(taken.end(), begin, rows.leaves.end());
      from = rows.last + 1;
    }
    leaves_ -= rows.leaves.size();
    rows_.pop_front();
  }
  return taken;
}

uint64_t OwnRowQueue::read_until(uint32_t log, uint64_t from, uint64_t until) const {
  for (const OwnRows& rows : rows_) {
    if (rows.log == log && rows.first() > from) return std::min(until, rows.first() - 1);
  }
  return until;
}

}  // namespace phoenix
