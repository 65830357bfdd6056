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
    const ViewRef before = std::exchange(newest_, make_view(std::move(next)));
    std::vector<Instant> kept;
    kept.reserve(newest_->size());
    for (const ViewHost& host : view().hosts) {
      const HostIndex known = before->index(host.name);
      kept.push_back(known == kNoHost ? now : heartbeats_[known]);
    }
    heartbeats_ = std::move(kept);
  }
  const HostIndex self = newest_->index(name);
  const bool came = self != kNoHost && now - heartbeats_[self] <= lapse_ / 2;
  if (self != kNoHost) heartbeats_[self] = now;
  const auto steady = steady_since_.try_emplace(std::string(name), now).first;
  if (!came) steady->second = now;
  if (request.propose || request.expected != view().number) answer.newest = newest_;
  for (HostIndex host = 0; host < heartbeats_.size(); ++host) {
    if (now - heartbeats_[host] > lapse_) answer.lapsed.push_back(newest_->host(host).name);
  }
  answer.vital = vital_;
  if (vital_ && now - steady->second > lapse_) answer.unrenewed = answer.lapsed;
  return answer;
}

}  // namespace phoenix::gossip
