// Which keeper a session's calls went to last: its home, as far as the gateway knows. Bounded: the
// session that made no call for longest is forgotten, and goes by the order of its key again. Pure.
#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace phoenix::gateway {

class SessionHomes {
 public:
  explicit SessionHomes(size_t most) : most_(most) {}

  // Also counts as a call of it.
  std::optional<std::string> find(const std::string& session) {
    const auto found = places_.find(session);
    if (found == places_.end()) return std::nullopt;
    newest_first_.splice(newest_first_.begin(), newest_first_, found->second);
    return found->second->second;
  }
  void set(const std::string& session, const std::string& keeper) {
    if (const auto found = places_.find(session); found != places_.end()) {
      found->second->second = keeper;
      newest_first_.splice(newest_first_.begin(), newest_first_, found->second);
      return;
    }
    newest_first_.emplace_front(session, keeper);
    places_[session] = newest_first_.begin();
    if (places_.size() <= most_) return;
    places_.erase(newest_first_.back().first);
    newest_first_.pop_back();
  }
  size_t size() const { return places_.size(); }

 private:
  using Entries = std::list<std::pair<std::string, std::string>>;

  const size_t most_;
  Entries newest_first_;
  std::unordered_map<std::string, Entries::iterator> places_;
};

}  // namespace phoenix::gateway
