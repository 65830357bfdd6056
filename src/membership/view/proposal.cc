#include "membership/view/proposal.h"

#include <algorithm>
#include <map>

#include "membership/view/outsiders.h"

namespace phoenix::gossip {
namespace {

constexpr Duration kForgivenAfter = seconds(3600);

std::vector<RemovedHost> next_removed(const View& base, const ViewChanges& changes,
                                      const RankedView& ranked) {
  std::map<std::string, RemovedHost, std::less<>> removed;
  for (const RemovedHost& host : base.removed) removed.emplace(host.name, host);
  for (const std::string& name : changes.forgive) removed.erase(name);
  for (const HostIndex index : changes.leave) removed.erase(ranked.host(index).name);
  for (const auto& [index, incarnation] : changes.cut) {
    const ViewHost& host = ranked.host(index);
    RemovedHost& entry = removed[host.name];
    entry.times = entry.name.empty() ? 1 : entry.times + 1;
    entry.name = host.name;
    entry.incarnation = std::max({entry.incarnation, host.incarnation, incarnation});
    entry.number = base.number + 1;
  }
  std::vector<RemovedHost> out;
  for (auto& [name, host] : removed) out.push_back(std::move(host));
  if (out.size() <= kMaxRemoved) return out;
  std::sort(out.begin(), out.end(), [](const RemovedHost& a, const RemovedHost& b) {
    return a.number != b.number ? a.number > b.number : a.name < b.name;
  });
  out.resize(kMaxRemoved);
  std::sort(out.begin(), out.end(),
            [](const RemovedHost& a, const RemovedHost& b) { return a.name < b.name; });
  return out;
}

}  // namespace

View next_view(const RankedView& base, const ViewChanges& changes) {
  std::vector<bool> drop(base.size());
  for (const auto& [index, incarnation] : changes.cut) drop[index] = true;
  for (const HostIndex index : changes.leave) drop[index] = true;
  for (const ViewHost& host : changes.enter) {
    const HostIndex before = base.index(host.name);
    if (before != kNoHost) drop[before] = true;
  }
  View out;
  out.number = base.view().number + 1;
  out.hosts.reserve(base.size() + changes.enter.size());
  for (HostIndex i = 0; i < base.size(); ++i) {
    if (!drop[i]) out.hosts.push_back(base.host(i));
  }
  out.hosts.insert(out.hosts.end(), changes.enter.begin(), changes.enter.end());
  std::sort(out.hosts.begin(), out.hosts.end(),
            [](const ViewHost& a, const ViewHost& b) { return a.name < b.name; });
  out.removed = next_removed(base.view(), changes, base);
  return out;
}

void RemovalMemory::adopt(const View& before, const View& after, Instant now) {
  std::vector<Instant> next;
  next.reserve(after.removed.size());
  for (const RemovedHost& host : after.removed) {
    const RemovedHost* old = before.find_removed(host.name);
    const bool same = old && old->times == host.times;
    next.push_back(same ? since_[static_cast<size_t>(old - before.removed.data())] : now);
  }
  since_ = std::move(next);
}

std::vector<std::string> RemovalMemory::forgiven(const View& view, Instant now) const {
  std::vector<std::string> out;
  for (size_t i = 0; i < since_.size(); ++i) {
    if (now - since_[i] >= kForgivenAfter) out.push_back(view.removed[i].name);
  }
  return out;
}

void tell_changes(const View& before, const View& after, std::vector<ViewEvent>& out) {
  // Both lists are ordered by name.
  auto old = before.hosts.begin();
  const auto tell_gone_before = [&](const std::string* name) {
    for (; old != before.hosts.end() && (!name || old->name < *name); ++old) {
      const RemovedHost* removed = after.find_removed(old->name);
      if (removed && removed->number > before.number) {
        out.push_back(
            {ViewEventKind::kRemoved, old->name, removed->incarnation, trial_text(*removed)});
      } else {
        out.push_back({ViewEventKind::kLeft, old->name, old->incarnation, {}});
      }
    }
  };
  for (const ViewHost& host : after.hosts) {
    tell_gone_before(&host.name);
    ViewEventKind kind = ViewEventKind::kReplaced;
    if (old == before.hosts.end() || old->name != host.name) {
      kind = after.find_removed(host.name) ? ViewEventKind::kReadmitted : ViewEventKind::kJoined;
    } else if (*old++ == host) {
      continue;
    }
    out.push_back({kind, host.name, host.incarnation, {}});
  }
  tell_gone_before(nullptr);
}

}  // namespace phoenix::gossip
