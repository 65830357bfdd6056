#include "membership/swim/broadcasts.h"

#include <algorithm>
#include <utility>

namespace phoenix::gossip {
namespace {

constexpr size_t kLongestRow = 128;

}  // namespace

Broadcasts::Rank Broadcasts::rank(uint64_t sendings, size_t length, uint64_t number) {
  return {sendings << 32 | (UINT32_MAX - length), ~number, 0};
}

Broadcasts::Rank Broadcasts::rank_of(uint32_t entry) const {
  const Entry& e = entries_[entry];
  Rank out = rank(e.sendings, e.message.size(), e.number);
  out.entry = entry;
  return out;
}

uint32_t Broadcasts::hash_of(std::string_view subject) const {
  return static_cast<uint32_t>(siphash13(hash_key_, subject));
}

uint32_t Broadcasts::find(std::string_view subject, uint32_t hash) const {
  return by_subject_.find(hash, [&](uint32_t entry) { return entries_[entry].subject == subject; });
}

// The row in which the rank stands, or belongs.
size_t Broadcasts::row_for(const Rank& rank) const {
  const auto behind =
      std::upper_bound(rows_.begin(), rows_.end(), rank,
                       [](const Rank& r, const std::vector<Rank>& row) { return r < row.front(); });
  return behind == rows_.begin() ? 0 : static_cast<size_t>(behind - rows_.begin()) - 1;
}

void Broadcasts::line_up(uint32_t entry) {
  const Rank rank = rank_of(entry);
  if (rows_.empty()) return rows_.push_back({rank});
  const size_t at = row_for(rank);
  std::vector<Rank>& row = rows_[at];
  row.insert(std::lower_bound(row.begin(), row.end(), rank), rank);
  if (row.size() <= kLongestRow) return;
  const auto middle = row.begin() + kLongestRow / 2;
  std::vector<Rank> second(middle, row.end());
  row.erase(middle, row.end());
  rows_.insert(rows_.begin() + static_cast<ptrdiff_t>(at) + 1, std::move(second));
}

void Broadcasts::step_out(uint32_t entry) {
  const Rank rank = rank_of(entry);
  const size_t at = row_for(rank);
  std::vector<Rank>& row = rows_[at];
  row.erase(std::lower_bound(row.begin(), row.end(), rank));
  if (row.empty()) rows_.erase(rows_.begin() + static_cast<ptrdiff_t>(at));
}

void Broadcasts::let_go(uint32_t entry) {
  const Entry& e = entries_[entry];
  if (!e.subject.empty()) by_subject_.erase(e.subject_hash, entry);
  --depth_;
}

void Broadcasts::recycle(uint32_t entry) {
  entries_[entry] = {};  // the memory of its message as well
  free_.push_back(entry);
}

void Broadcasts::free_done() {
  for (const uint32_t entry : done_) recycle(entry);
  done_.clear();
}

void Broadcasts::put(std::string_view subject, std::string message) {
  free_done();
  if (message.size() > longest_) {
    ++dropped_;
    return;
  }
  const uint32_t hash = subject.empty() ? 0 : hash_of(subject);
  const uint32_t known = subject.empty() ? NameIndex::kNone : find(subject, hash);
  if (known != NameIndex::kNone) {
    step_out(known);
    Entry& e = entries_[known];
    e.sendings = 0;
    e.number = ++numbers_;
    e.message = std::move(message);
    return line_up(known);
  }
  while (depth_ >= max_depth_ && depth_ > 0) {
    ++dropped_;
    const uint32_t last = rows_.back().back().entry;
    step_out(last);
    let_go(last);
    recycle(last);
  }
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(entries_.size()));
    entries_.emplace_back();
  }
  const uint32_t entry = free_.back();
  free_.pop_back();
  entries_[entry] = {++numbers_, 0, hash, std::string(subject), std::move(message)};
  if (!subject.empty()) by_subject_.insert(hash, entry);
  ++depth_;
  line_up(entry);
}

void Broadcasts::remove(std::string_view subject) {
  free_done();
  if (subject.empty() || empty()) return;
  const uint32_t found = find(subject, hash_of(subject));
  if (found == NameIndex::kNone) return;
  step_out(found);
  let_go(found);
  recycle(found);
}

size_t Broadcasts::take(size_t room, size_t overhead, int limit,
                        std::vector<std::string_view>& out) {
  free_done();
  taken_.clear();
  size_t used = 0;
  // Taken entries go back only at the end: they would be met again among those sent once more.
  size_t row = 0, at = 0;
  while (row < rows_.size() && used + overhead < room) {
    if (at == rows_[row].size()) {
      ++row;
      at = 0;
      continue;
    }
    Rank& next = rows_[row][at];
    Entry& e = entries_[next.entry];
    const size_t free = room - used - overhead;
    if (e.message.size() > free) {
      // The longest of these that fits, or else the first of those that were sent more often. All
      // that were taken stand before this one, so their marks are in nobody's way.
      const Rank fits = rank(e.sendings, free, UINT64_MAX);
      row = std::max(row, row_for(fits));
      at = static_cast<size_t>(std::lower_bound(rows_[row].begin(), rows_[row].end(), fits) -
                               rows_[row].begin());
      continue;
    }
    used += e.message.size() + overhead;
    out.push_back(e.message);
    taken_.push_back(next.entry);
    next.entry = kTaken;
    ++at;
  }
  drop_taken_ranks(std::min(row + 1, rows_.size()));
  for (const uint32_t entry : taken_) {
    if (++entries_[entry].sendings < static_cast<uint32_t>(std::max(limit, 0))) {
      line_up(entry);
    } else {
      let_go(entry);
      done_.push_back(entry);
    }
  }
  return used;
}

// All of them stand in the first `rows` rows.
void Broadcasts::drop_taken_ranks(size_t rows) {
  if (taken_.empty()) return;
  for (size_t i = 0; i < rows; ++i) {
    std::erase_if(rows_[i], [](const Rank& rank) { return rank.entry == kTaken; });
  }
  std::erase_if(rows_, [](const std::vector<Rank>& row) { return row.empty(); });
}

void Broadcasts::clear() {
  entries_.clear();
  free_.clear();
  done_.clear();
  rows_.clear();
  by_subject_.clear();
  depth_ = 0;
}

}  // namespace phoenix::gossip
