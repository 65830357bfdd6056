#include "directory/outbox.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/planted.h"

namespace phoenix {

std::string_view revoke_reason_name(RevokeReason reason) {
  constexpr std::array<std::string_view, 7> kNames = {
      "lease", "drained", "evicted", "reassigned", "canceled", "expired", "timeout"};
  return kNames[static_cast<size_t>(reason)];
}

std::string format_cursor(const OutboxCursor& cursor) {
  return std::to_string(cursor.run) + "-" + std::to_string(cursor.deliveries) + "-" +
         std::to_string(cursor.revocations);
}

std::optional<OutboxCursor> parse_cursor(std::string_view text) {
  OutboxCursor cursor;
  std::array<uint64_t*, 3> parts = {&cursor.run, &cursor.deliveries, &cursor.revocations};
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0 && (at == end || *at++ != '-')) return std::nullopt;
    const auto [rest, fault] = std::from_chars(at, end, *parts[i]);
    if (fault != std::errc() || rest == at) return std::nullopt;
    at = rest;
  }
  if (at != end) return std::nullopt;
  return cursor;
}

uint64_t Outbox::put(uint32_t token, uint32_t bytes, bool again, Instant now) {
  entries_.push_back({.position = ++last_position_,
                      .at = now,
                      .token = token,
                      .bytes = bytes,
                      .removed = false,
                      .acknowledged = false,
                      .again = again,
                      .carried = false});
  ++fresh_count_;
  ++live_;
  return last_position_;
}

// Positions are given one after the other and only what was removed is missing, so an entry stands
// as far behind the first one as its position says, or before that.
size_t Outbox::index_from(uint64_t position) const {
  if (entries_.empty() || position <= entries_.front().position) return 0;
  const size_t guess = std::min<uint64_t>(position - entries_.front().position, entries_.size());
  if (entries_[guess - 1].position < position) return guess;
  const Entry* const found =
      std::lower_bound(entries_.begin(), entries_.begin() + guess, position,
                       [](const Entry& entry, uint64_t wanted) { return entry.position < wanted; });
  return static_cast<size_t>(found - entries_.begin());
}

Outbox::Entry* Outbox::find(uint64_t position) {
  Entry* const it = from(position);
  if (it == entries_.end() || it->position != position || it->removed) return nullptr;
  return it;
}

void Outbox::remove(uint64_t position) {
  Entry* entry = find(position);
  if (entry == nullptr) return;
  entry->removed = true;
  --live_;
  if (!entry->carried) --fresh_count_;
  trim();
}

void Outbox::rename(uint64_t position, uint32_t token) {
  Entry* entry = find(position);
  if (entry != nullptr) entry->token = token;
}

void Outbox::trim() {
  while (!entries_.empty() && entries_.front().removed) entries_.pop_front();
  if (entries_.size() < 64 || entries_.size() < 2 * live_) return;
  entries_.erase_if([](const Entry& entry) { return entry.removed; });
}

void Outbox::started(uint64_t position) {
  Entry* entry = find(position);
  if (entry == nullptr || entry->again) return;
  entry->acknowledged = true;
  if (!entry->carried) {
    entry->carried = true;
    --fresh_count_;
  }
}

void Outbox::revoke(std::string id, uint64_t epoch, RevokeReason reason) {
  revocations_.push_back({.what = {std::move(id), epoch, reason}, .sent_at = {}});
  if (revocations_.size() > kMaxRevocations) {
    revocations_.pop_front();
    ++first_revocation_;
    if (fresh_revocation_ > 0) --fresh_revocation_;
  }
}

bool Outbox::acknowledge(const OutboxCursor& after, uint64_t run) {
  if (after.run != run || after.deliveries > last_position_ ||
      after.revocations >= first_revocation_ + revocations_.size()) {
    return false;
  }
  for (auto it = from(acknowledged_ + 1); it != entries_.end() && it->position <= after.deliveries;
       ++it) {
    if (it->removed || it->acknowledged) continue;
    it->acknowledged = true;
    if (!it->carried) {
      it->carried = true;
      --fresh_count_;
    }
  }
  acknowledged_ = std::max(acknowledged_, after.deliveries);
  while (!revocations_.empty() && first_revocation_ <= after.revocations) {
    revocations_.pop_front();
    ++first_revocation_;
    if (fresh_revocation_ > 0) --fresh_revocation_;
  }
  return true;
}

uint64_t Outbox::next_delivery(uint64_t base, const std::vector<uint64_t>& carried) const {
  for (auto it = from(std::max(base, acknowledged_) + 1); it != entries_.end(); ++it) {
    const Entry& entry = *it;
    if (entry.removed || entry.acknowledged) continue;
    if (!std::binary_search(carried.begin(), carried.end(), entry.position)) {
      if (planted(PlantedBug::kHeartbeatPassesDelivery)) continue;
      return entry.position - 1;
    }
  }
  return last_position_;
}

void Outbox::carry_revocations(const std::optional<OutboxCursor>& after, const Limits& limits,
                               bool repeats, Carried& out) {
  const uint64_t base = std::max(after ? after->revocations : 0, first_revocation_ - 1);
  uint64_t next = base;
  bool contiguous = true;
  for (size_t i = base + 1 - first_revocation_; i < revocations_.size(); ++i) {
    Revocation& revocation = revocations_[i];
    const bool fresh = i >= fresh_revocation_;
    const bool due =
        fresh ||
        (repeats && (after.has_value() || limits.now - revocation.sent_at >= limits.repeat_after));
    if (!due || out.revoked.size() >= kMaxRevokedPerAnswer) {
      contiguous = false;
      if (fresh) break;  // what is fresh stays a suffix
      continue;
    }
    out.revoked.push_back(revocation.what);
    revocation.sent_at = limits.now;
    if (fresh) fresh_revocation_ = i + 1;
    if (contiguous) next = first_revocation_ + i;
  }
  out.next.revocations = next;
}

Outbox::Carried Outbox::carry(const std::optional<OutboxCursor>& after, uint64_t run,
                              const Limits& limits, bool repeats) {
  Carried out;
  std::vector<uint64_t> positions;
  uint64_t bytes = 0;
  const auto fits = [&](const Entry& entry) {
    if (out.tokens.size() >= limits.max) return false;
    return out.tokens.empty() || bytes + entry.bytes <= limits.max_bytes;
  };
  const auto take = [&](Entry& entry) {
    bytes += entry.bytes;
    out.tokens.push_back(entry.token);
    positions.push_back(entry.position);
    entry.at = limits.now;
  };
  if (limits.max > 0) {
    for (auto it = from(fresh_from_); it != entries_.end(); ++it) {
      if (it->removed || it->carried) continue;
      if (!fits(*it)) break;
      take(*it);
      it->carried = true;
      --fresh_count_;
      fresh_from_ = it->position + 1;
      out.fresh_tokens.push_back(it->token);
    }
  }
  const uint64_t base = after ? after->deliveries : 0;
  if (repeats && limits.max > 0) {
    const uint64_t end = positions.empty() ? fresh_from_ : positions.front();
    for (auto it = from(std::max(base, acknowledged_) + 1);
         it != entries_.end() && it->position < end; ++it) {
      if (it->removed || it->acknowledged || !it->carried) continue;
      if (!after && limits.now - it->at < limits.repeat_after) continue;
      if (!fits(*it)) break;
      take(*it);
    }
  }
  std::sort(positions.begin(), positions.end());
  out.next.run = run;
  out.next.deliveries = next_delivery(base, positions);
  carry_revocations(after, limits, repeats, out);
  return out;
}

std::optional<Instant> Outbox::oldest_untaken() const {
  if (fresh_count_ == 0) return std::nullopt;
  for (auto it = from(fresh_from_); it != entries_.end(); ++it) {
    if (!it->removed && !it->carried && !it->again) return it->at;
  }
  return std::nullopt;
}

std::vector<uint32_t> Outbox::untaken_until(Instant until) const {
  std::vector<uint32_t> tokens;
  for (auto next = next_untaken(0, until); next; next = next_untaken(next->position, until)) {
    tokens.push_back(next->token);
  }
  return tokens;
}

std::vector<std::pair<uint64_t, uint32_t>> Outbox::entries() const {
  std::vector<std::pair<uint64_t, uint32_t>> kept;
  for (const Entry& entry : entries_) {
    if (!entry.removed) kept.emplace_back(entry.position, entry.token);
  }
  return kept;
}

std::optional<Outbox::Untaken> Outbox::next_untaken(uint64_t behind, Instant until) const {
  for (auto it = from(std::max(fresh_from_, behind + 1)); it != entries_.end() && it->at <= until;
       ++it) {
    if (!it->removed && !it->carried && !it->again) return Untaken{it->position, it->token};
  }
  return std::nullopt;
}

void Outbox::clear_deliveries() {
  entries_.clear();
  fresh_from_ = last_position_ + 1;
  fresh_count_ = 0;
  live_ = 0;
}

void Outbox::forget() {
  clear_deliveries();
  first_revocation_ += revocations_.size();
  revocations_.clear();
  fresh_revocation_ = 0;
}

}  // namespace phoenix
