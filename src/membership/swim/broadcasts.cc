#include "membership/swim/broadcasts.h"

#include <utility>

namespace phoenix::gossip {

void Broadcasts::put(std::string_view subject, std::string message) {
  taken_.clear();
  if (message.size() > longest_) {
    ++dropped_;
    return;
  }
  const auto known = subject.empty() ? by_subject_.end() : by_subject_.find(subject);
  if (known != by_subject_.end()) {
    Entries::node_type node = entries_.extract(known->second);
    node.value().sendings = 0;
    node.value().number = ++numbers_;
    node.value().message = std::move(message);
    known->second = entries_.insert(std::move(node)).position;
    return;
  }
  while (entries_.size() >= max_depth_ && !entries_.empty()) {
    ++dropped_;
    erase(std::prev(entries_.end()));
  }
  const auto entry =
      entries_.insert({0, ++numbers_, std::string(subject), std::move(message)}).first;
  if (!subject.empty()) by_subject_.emplace(entry->subject, entry);
}

void Broadcasts::remove(std::string_view subject) {
  taken_.clear();
  if (subject.empty()) return;
  const auto found = by_subject_.find(subject);
  if (found != by_subject_.end()) erase(found->second);
}

void Broadcasts::erase(Entries::iterator entry) {
  if (!entry->subject.empty()) by_subject_.erase(entry->subject);
  entries_.erase(entry);
}

size_t Broadcasts::take(size_t room, size_t overhead, int limit,
                        std::vector<std::string_view>& out) {
  taken_.clear();
  size_t used = 0;
  auto at = entries_.begin();
  // Taken entries go back only at the end: they would be met again among those sent once more.
  while (at != entries_.end() && used + overhead < room) {
    const size_t free = room - used - overhead;
    if (at->message.size() > free) {
      // The longest of these that fits, or else the first of those that were sent more often.
      at = entries_.lower_bound(Rank{at->sendings, free, UINT64_MAX});
      continue;
    }
    const auto next = std::next(at);
    used += at->message.size() + overhead;
    taken_.push_back(entries_.extract(at));
    ++taken_.back().value().sendings;
    out.push_back(taken_.back().value().message);
    at = next;
  }
  std::vector<Entries::node_type> done;
  for (Entries::node_type& node : taken_) {
    const bool again = node.value().sendings < limit;
    if (!again) {
      if (!node.value().subject.empty()) by_subject_.erase(node.value().subject);
      done.push_back(std::move(node));
      continue;
    }
    const auto back = entries_.insert(std::move(node)).position;
    if (!back->subject.empty()) by_subject_.find(back->subject)->second = back;
  }
  taken_ = std::move(done);
  return used;
}

void Broadcasts::clear() {
  taken_.clear();
  by_subject_.clear();
  entries_.clear();
}

}  // namespace phoenix::gossip
