#include "sim/cluster/peer_links.h"

#include <algorithm>
#include <utility>

namespace phoenix::sim {

namespace {

constexpr Duration kLookEvery = milliseconds(100);
// A link that hears nothing for so long is given up.
constexpr Duration kSilence = milliseconds(900);

}  // namespace

void PeerLinks::add(PeerEnd& end) {
  for (size_t other = 0; other < ends_.size(); ++other) {
    auto pair = std::make_unique<Pair>();
    pair->ends = {other, ends_.size()};
    pairs_.push_back(std::move(pair));
  }
  ends_.push_back(&end);
  slow_.emplace_back();
}

PeerLinks::Pair& PeerLinks::pair_of(size_t a, size_t b) {
  const size_t low = std::min(a, b);
  const size_t high = std::max(a, b);
  return *pairs_[high * (high - 1) / 2 + low];
}

const PeerLinks::Pair& PeerLinks::pair_of(size_t a, size_t b) const {
  return const_cast<PeerLinks*>(this)->pair_of(a, b);
}

void PeerLinks::start() {
  if (few()) {
    for (auto& pair : pairs_) {
      queue_.after(milliseconds(prng_.between(1, 50)), [this, p = pair.get()] { look(*p); });
    }
    return;
  }
  // Not each pair in its own time, but all with one end together: there are so many that this alone
  // would take longer than the hosts do.
  for (size_t end = 1; end < ends_.size(); ++end) {
    queue_.after(milliseconds(prng_.between(1, 50)), [this, end] { look_at_row(end); });
  }
}

// --- connections
// ----------------------------------------------------------------------------------

Duration PeerLinks::draw_pause() { return kLookEvery + milliseconds(prng_.between(0, 60)); }

void PeerLinks::look(Pair& pair) {
  queue_.after(draw_pause(), [this, &pair] { look(pair); });
  look_at(pair);
}

void PeerLinks::look_at_row(size_t end) {
  queue_.after(draw_pause(), [this, end] { look_at_row(end); });
  for (size_t other = 0; other < end; ++other) look_at(pair_of(end, other));
}

void PeerLinks::look_at(Pair& pair) {
  if (pair.connected) {
    watch(pair, 0);
    watch(pair, 1);
    return;
  }
  if (pair.sides[0].up || pair.sides[1].up) return;
  for (size_t side = 0; side < 2; ++side) {
    const PeerEnd& end = *ends_[pair.ends[side]];
    if (end.listens().empty() || end.stands_still() || pair.sides[side].blocked) return;
  }
  connect(pair);
}

void PeerLinks::connect(Pair& pair) {
  ++pair.connection;
  pair.connected = true;
  const size_t first = prng_.below(2);
  for (size_t side = 0; side < 2; ++side) {
    Side& here = pair.sides[side];
    here.up = true;
    here.self = ends_[pair.ends[side]]->listens();
    by_name_.insert_or_assign(here.self.host, pair.ends[side]);
    here.peer = ends_[pair.ends[1 - side]]->listens();
    here.down_since = kNever;
    here.silent_since = kNever;
    here.last = queue_.now();
    here.stalled.clear();
  }
  ends_[pair.ends[first]]->link_up(pair.sides[first].peer);
  ends_[pair.ends[1 - first]]->link_up(pair.sides[1 - first].peer);
}

// Gives the link up when nothing has come from the other end for long.
void PeerLinks::watch(Pair& pair, size_t side) {
  Side& here = pair.sides[side];
  const bool silent = here.blocked || ends_[pair.ends[1 - side]]->stands_still();
  if (!silent) {
    here.silent_since = kNever;
    return;
  }
  here.silent_since = std::min(here.silent_since, queue_.now());
  if (!pair.connected || queue_.now() - here.silent_since < kSilence) return;
  close(pair, side, Duration{});
  const bool reaches = !pair.sides[1 - side].blocked;
  close(pair, 1 - side, milliseconds(reaches ? prng_.between(1, 30) : prng_.between(200, 1'500)));
}

void PeerLinks::close(Pair& pair, size_t side, Duration delay) {
  pair.connected = false;
  queue_.after(delay, [this, &pair, side, connection = pair.connection] {
    Side& here = pair.sides[side];
    if (pair.connection != connection || !here.up) return;
    here.up = false;
    here.down_since = queue_.now();
    here.stalled.clear();
    PeerEnd& end = *ends_[pair.ends[side]];
    if (end.listens() == here.self) end.link_down(here.peer);
  });
}

void PeerLinks::ended(size_t end, bool silent) {
  for (size_t other = 0; other < ends_.size(); ++other) {
    if (other == end) continue;
    Pair& pair = pair_of(end, other);
    const size_t side = side_of(pair, end);
    pair.sides[side].up = false;
    pair.sides[side].down_since = queue_.now();
    pair.sides[side].stalled.clear();
    close(pair, 1 - side, silent ? kSilence : microseconds(prng_.between(100, 30'000)));
  }
}

void PeerLinks::goes_on(size_t end) {
  for (size_t other = 0; other < ends_.size(); ++other) {
    if (other == end) continue;
    Pair& pair = pair_of(end, other);
    Side& side = pair.sides[1 - side_of(pair, end)];
    if (!side.blocked) side.silent_since = kNever;
  }
}

// --- messages
// -------------------------------------------------------------------------------------

void PeerLinks::send(size_t from, const HostLife& to, Parcel parcel) {
  const auto other = by_name_.find(to.host);
  if (other == by_name_.end() || other->second == from) return;
  Pair& pair = pair_of(from, other->second);
  const size_t side = side_of(pair, from);
  const Side& here = pair.sides[side];
  if (!here.up || !pair.connected || here.peer != to) return;
  Side& there = pair.sides[1 - side];
  const Duration slow = slow_[from] + slow_[other->second];
  const Duration usual = microseconds(prng_.between(30, 900));
  const Duration extra =
      slow.ns == 0 ? Duration{} : microseconds(prng_.between(0, slow.ns / 1'000));
  there.last = std::max(there.last + Duration{1}, queue_.now() + usual + extra);
  // An event's action can be copied, if only in name.
  auto sent = std::make_shared<Parcel>(std::move(parcel));
  queue_.at(there.last, Rank::kArrival,
            [this, &pair, to_side = 1 - side, connection = pair.connection,
             sent = std::move(sent)] { arrive(pair, to_side, connection, std::move(*sent)); });
}

void PeerLinks::arrive(Pair& pair, size_t side, uint64_t connection, Parcel parcel) {
  Side& here = pair.sides[side];
  if (pair.connection != connection || !here.up) return;
  PeerEnd& end = *ends_[pair.ends[side]];
  if (end.listens() != here.self) return;
  if (here.blocked || !here.stalled.empty()) {
    here.stalled.push_back(std::move(parcel));
    return;
  }
  end.received(here.peer, std::move(parcel));
}

void PeerLinks::release(Pair& pair, size_t side) {
  std::vector<Parcel> stalled = std::move(pair.sides[side].stalled);
  pair.sides[side].stalled.clear();
  for (Parcel& parcel : stalled) arrive(pair, side, pair.connection, std::move(parcel));
}

// --- faults
// ---------------------------------------------------------------------------------------

void PeerLinks::block(size_t from, size_t to, bool blocked) {
  Pair& pair = pair_of(from, to);
  const size_t side = side_of(pair, to);
  if (pair.sides[side].blocked == blocked) return;
  pair.sides[side].blocked = blocked;
  if (!blocked) queue_.after(milliseconds(1), [this, &pair, side] { release(pair, side); });
}

void PeerLinks::reset(size_t a, size_t b) {
  Pair& pair = pair_of(a, b);
  if (!pair.connected) return;
  close(pair, 0, microseconds(prng_.between(0, 40'000)));
  close(pair, 1, microseconds(prng_.between(0, 40'000)));
}

void PeerLinks::slow(size_t end, Duration by) { slow_[end] = by; }

void PeerLinks::heal() {
  for (size_t a = 0; a < ends_.size(); ++a) {
    slow_[a] = Duration{};
    for (size_t b = 0; b < ends_.size(); ++b) {
      if (a != b) block(a, b, false);
    }
  }
}

bool PeerLinks::up(size_t of, size_t peer) const {
  const Pair& pair = pair_of(of, peer);
  return pair.sides[side_of(pair, of)].up;
}

Instant PeerLinks::down_since(size_t of, size_t peer) const {
  const Pair& pair = pair_of(of, peer);
  const Side& here = pair.sides[side_of(pair, of)];
  return here.up ? kNever : here.down_since;
}

const HostLife& PeerLinks::last_peer(size_t of, size_t peer) const {
  const Pair& pair = pair_of(of, peer);
  return pair.sides[side_of(pair, of)].peer;
}

bool PeerLinks::all_up() const {
  return std::ranges::all_of(pairs_, [](const auto& pair) {
    return pair->connected && pair->sides[0].up && pair->sides[1].up;
  });
}

}  // namespace phoenix::sim
