// How far the logs of events are read: one position for each. A store of one host has one log, and
// its cursor is a plain number; where hosts share a store, each life of a host writes a log of its
// own, and a cursor names several: "3:1007,5:12".
//
// Order is promised for the events of one packet, whatever logs they stand in; not between packets.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace phoenix {

// The only log of a store that is one host's own.
inline constexpr uint32_t kOwnLog = 0;

class EventCursor {
 public:
  using Position = std::pair<uint32_t, uint64_t>;  // log, newest position read
  // A cursor comes from outside; so many logs are read at most.
  static constexpr size_t kMaxLogs = 4096;

  EventCursor() = default;  // before everything
  explicit EventCursor(uint64_t position, uint32_t log = kOwnLog) { raise(log, position); }

  // 0: nothing of that log is read.
  uint64_t position(uint32_t log) const {
    const auto it = find(log);
    return it != logs_.end() && it->first == log ? it->second : 0;
  }
  // To at least that.
  void raise(uint32_t log, uint64_t position) {
    if (position == 0) return;
    const auto it = logs_.begin() + (find(log) - logs_.begin());
    if (it != logs_.end() && it->first == log) {
      it->second = std::max(it->second, position);
    } else {
      logs_.insert(it, {log, position});
    }
  }
  void raise(const EventCursor& other) {
    for (const auto& [log, position] : other.logs_) raise(log, position);
  }
  bool covers(uint32_t log, uint64_t position) const { return this->position(log) >= position; }
  bool covers(const EventCursor& other) const {
    return std::all_of(other.logs_.begin(), other.logs_.end(),
                       [this](const Position& it) { return covers(it.first, it.second); });
  }
  // Ascending by log; no position is 0.
  const std::vector<Position>& positions() const { return logs_; }
  bool operator==(const EventCursor&) const = default;

  // Whether text() is a plain number.
  bool plain() const { return logs_.empty() || (logs_.size() == 1 && logs_[0].first == kOwnLog); }
  std::string text() const {
    if (plain()) return std::to_string(position(kOwnLog));
    std::string out;
    for (const auto& [log, position] : logs_) {
      if (!out.empty()) out += ',';
      out += std::to_string(log) + ":" + std::to_string(position);
    }
    return out;
  }
  // Exactly what text() writes, the logs in any order.
  static std::optional<EventCursor> parse(std::string_view text) {
    EventCursor cursor;
    uint64_t number = 0;
    for (size_t i = 0; i < kMaxLogs; ++i) {
      if (!take(text, number)) return std::nullopt;
      if (i == 0 && text.empty()) return EventCursor(number);
      uint64_t position = 0;
      if (number > UINT32_MAX || !skip(text, ':') || !take(text, position)) return std::nullopt;
      cursor.raise(static_cast<uint32_t>(number), position);
      if (text.empty()) return cursor;
      if (!skip(text, ',')) return std::nullopt;
    }
    return std::nullopt;
  }

 private:
  std::vector<Position>::const_iterator find(uint32_t log) const {
    return std::lower_bound(logs_.begin(), logs_.end(), log,
                            [](const Position& it, uint32_t wanted) { return it.first < wanted; });
  }
  static bool take(std::string_view& text, uint64_t& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) return false;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    return true;
  }
  static bool skip(std::string_view& text, char c) {
    if (text.empty() || text[0] != c) return false;
    text.remove_prefix(1);
    return true;
  }

  std::vector<Position> logs_;
};

}  // namespace phoenix
