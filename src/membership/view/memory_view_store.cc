#include "membership/view/memory_view_store.h"

#include <utility>

#include "membership/view/observer_rings.h"

namespace phoenix::gossip {

const View& MemoryViewStore::view() const { return newest_->view(); }

ViewAnswer MemoryViewStore::apply(std::string_view name, const ViewRequest& request, Instant now) {
  ViewAnswer answer{request.id, ViewAnswer::Status::kOk, nullptr, {}};
  if (request.propose && request.expected != view().number) {
    answer.status = ViewAnswer::Status::kConflict;
  } else if (request.propose) {
    View next = request.proposed;
    next.number = request.expected + 1;
    newest_ = make_view(std::move(next));
    std::map<std::string, Instant, std::less<>> kept;
    for (const ViewHost& host : view().hosts) {
      const auto before = heartbeats_.find(host.name);
      kept.emplace(host.name, before == heartbeats_.end() ? now : before->second);
    }
    heartbeats_ = std::move(kept);
  }
  const auto own = heartbeats_.find(name);
  const bool came = own != heartbeats_.end() && now - own->second <= lapse_ / 2;
  if (own != heartbeats_.end()) own->second = now;
  const auto steady = steady_since_.try_emplace(std::string(name), now).first;
  if (!came) steady->second = now;
  if (request.propose || request.expected != view().number) answer.newest = newest_;
  for (const auto& [host, last] : heartbeats_) {
    if (now - last > lapse_) answer.lapsed.push_back(host);
  }
  if (vital_ && now - steady->second > lapse_) answer.unrenewed = answer.lapsed;
  return answer;
}

}  // namespace phoenix::gossip
