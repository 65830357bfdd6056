#include "runtime/pool/pool_views.h"

#include <algorithm>
#include <utility>

#include "membership/view/observer_rings.h"

namespace phoenix {
namespace {

using gossip::View;
using gossip::ViewAnswer;
using gossip::ViewHost;
using gossip::ViewRequest;

// Beats come twice a second. Whoever had none for so long was away itself, or the store was: what
// is old then may be so for all.
constexpr Duration kBreak = seconds(2);

bool holds(const View& view, const HostLife& life) {
  const ViewHost* host = view.find(life.host);
  return host != nullptr && host->boot == life.life;
}

// The lives of `view` that `other` does not have.
std::vector<HostLife> beyond(const View& view, const View& other) {
  std::vector<HostLife> lives;
  for (const ViewHost& host : view.hosts) {
    const HostLife life{host.name, host.boot};
    if (!holds(other, life)) lives.push_back(life);
  }
  return lives;
}

}  // namespace

PoolViews::PoolViews(PoolStore& store, HostLife self, std::function<Instant()> clock,
                     Duration lapse)
    : store_(store),
      self_(std::move(self)),
      clock_(std::move(clock)),
      lapse_(lapse),
      view_(gossip::make_view({})),
      told_(view_) {}

const View& PoolViews::view() const { return view_->view(); }

Result<bool> PoolViews::take(const PoolView& newest) {
  if (newest.number == view().number) return true;
  if (newest.number < view().number) {
    return fail(ErrorKind::kStoreUnreachable,
                "the store's view went back from number " + std::to_string(view().number) + " to " +
                    std::to_string(newest.number) + "; it is another store, or an old copy of it");
  }
  View next;
  if (!gossip::decode(newest.bytes, next) || next.number != newest.number) {
    return fail(ErrorKind::kStoreUnreachable, "the view number " + std::to_string(newest.number) +
                                                  " in the store cannot be read by this version");
  }
  view_ = gossip::make_view(std::move(next));
  return true;
}

Result<bool> PoolViews::beat(PoolLook& look) {
  const Instant sent = clock_();
  auto answer = store_.beat(self_, view().number);
  if (!answer) return tl::unexpected<Error>(answer.error());
  if (auto taken = take(answer->newest); !taken) return taken;
  if (beaten_ == kNever || sent - beaten_ > kBreak) steady_since_ = sent;
  beaten_ = sent;
  fenced_.clear();
  look.answer.lapsed.clear();
  bool fenced_here = false;
  // After a restored backup was adopted, the view still has lives that were all fenced, and maybe
  // so long ago that nothing else is left of them.
  const std::vector<ViewHost>& hosts = view().hosts;
  std::vector<bool> renewed(hosts.size());
  for (const HoldAge& hold : answer->ages) {
    if (hold.fenced) {
      fenced_.push_back(hold.who);
      fenced_here = fenced_here || hold.who == self_;
    } else if (hold.age <= lapse_ && holds(view(), hold.who)) {
      renewed[static_cast<size_t>(view().find(hold.who.host) - hosts.data())] = true;
    }
  }
  for (size_t i = 0; i < hosts.size(); ++i) {
    if (!renewed[i]) look.answer.lapsed.push_back(hosts[i].name);
  }
  const bool steady = sent - steady_since_ > lapse_;
  look.answer.unrenewed = steady ? look.answer.lapsed : std::vector<std::string>();
  const bool over = answer->fenced && (stood_ || fenced_here);
  stood_ = stood_ || !answer->fenced;
  look.beats.push_back({sent, std::move(*answer), view_ == told_ ? nullptr : view_, over});
  told_ = view_;
  return true;
}

// Requires: the view known here is the one that the proposal was made from.
Result<bool> PoolViews::swap(const ViewRequest& request, ViewAnswer& answer) {
  View next = request.proposed;
  next.number = request.expected + 1;
  // A fenced life never comes back; its host is told so and comes as another one.
  std::erase_if(next.hosts, [&](const ViewHost& host) {
    const HostLife life{host.name, host.boot};
    return !holds(view(), life) && std::find(fenced_.begin(), fenced_.end(), life) != fenced_.end();
  });
  const auto by_name = [](const auto& a, const auto& b) { return a.name < b.name; };
  std::sort(next.hosts.begin(), next.hosts.end(), by_name);
  std::sort(next.removed.begin(), next.removed.end(), by_name);
  if (next.hosts == view().hosts && next.removed == view().removed) return true;
  const auto done = store_.swap_view({.proposer = self_,
                                      .expected = request.expected,
                                      .bytes = gossip::encode(next),
                                      .enter = beyond(next, view()),
                                      .leave = beyond(view(), next)});
  if (!done && done.error().kind != ErrorKind::kWrongState) {
    return tl::unexpected<Error>(done.error());
  }
  if (!done || done->outcome != SwapOutcome::kDone) answer.status = ViewAnswer::Status::kConflict;
  return done ? take(done->newest) : Result<bool>(true);
}

PoolLook PoolViews::apply(const ViewRequest& request) {
  PoolLook look;
  look.answer.id = request.id;
  look.answer.status = ViewAnswer::Status::kOk;
  look.answer.vital = true;
  Result<bool> done = true;
  if (!request.propose || view().number != request.expected) done = beat(look);
  if (done && request.propose) {
    if (view().number == request.expected) {
      done = swap(request, look.answer);
    } else {
      look.answer.status = ViewAnswer::Status::kConflict;
    }
    // Its outcome as all see it; and who entered has a hold at once.
    if (done) done = beat(look);
  }
  if (!done) {
    look.answer = {};
    look.answer.id = request.id;
    look.answer.why = done.error().detail;
    return look;
  }
  if (request.propose || view().number != request.expected) look.answer.newest = view_;
  return look;
}

}  // namespace phoenix
