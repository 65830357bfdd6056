// The links between hosts: one connection a pair, which keeps its order, delays, stalls, breaks and
// comes up again. What was under way when it breaks has arrived up to some moment and is lost from
// then on; neither end knows which. A frozen or unreachable end is noticed by its silence.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/host_life.h"
#include "base/prng.h"
#include "cluster/peer_message.h"
#include "sim/event_queue.h"

namespace phoenix::sim {

// A message on its way, with what the trace says of it at both ends.
struct Parcel {
  PeerMessage message;
  std::string text;
};

// A host as its links see it, whichever of its lives there is.
class PeerEnd {
 public:
  virtual ~PeerEnd() = default;
  virtual const HostLife& listens() const = 0;  // empty: nobody does
  virtual bool stands_still() const = 0;
  virtual void link_up(const HostLife& peer) = 0;
  virtual void link_down(const HostLife& peer) = 0;
  virtual void received(const HostLife& from, Parcel parcel) = 0;
};

class PeerLinks {
 public:
  PeerLinks(EventQueue& queue, Prng prng) : queue_(queue), prng_(prng) {}

  // Ends are numbered from 0 in this order; all of them before start().
  void add(PeerEnd& end);
  void start();

  // Goes with the connection that there is, or nowhere.
  void send(size_t from, const HostLife& to, Parcel parcel);
  // The life at this end is over; its connections break, at once or by silence.
  void ended(size_t end, bool silent);
  // It stood still, and says what it has to say to all at once.
  void goes_on(size_t end);

  // --- faults ---
  void block(size_t from, size_t to, bool blocked);
  void reset(size_t a, size_t b);
  // Both ends; 0: as usual.
  void slow(size_t end, Duration by);
  void heal();

  // --- what an end can see ---
  bool up(size_t of, size_t peer) const;
  // Since when; kNever while it is up.
  Instant down_since(size_t of, size_t peer) const;
  // Who was at the other end when it was up last.
  const HostLife& last_peer(size_t of, size_t peer) const;
  bool all_up() const;
  // So few ends that each may be looked at closely.
  bool few() const { return ends_.size() <= kFewEnds; }

 private:
  static constexpr size_t kFewEnds = 16;

  struct Side {
    bool up = false;
    HostLife self, peer;  // at the two ends when it came up
    Instant down_since{0};
    Instant silent_since = kNever;  // nothing has come from the other end
    Instant last{0};                // arrival of the newest message
    std::vector<Parcel> stalled;    // they have to wait for the way to be free
    bool blocked = false;           // nothing comes through to this side
  };
  struct Pair {
    std::array<size_t, 2> ends{};
    std::array<Side, 2> sides;
    uint64_t connection = 0;
    bool connected = false;
  };

  Pair& pair_of(size_t a, size_t b);
  const Pair& pair_of(size_t a, size_t b) const;
  static size_t side_of(const Pair& pair, size_t end) { return pair.ends[0] == end ? 0 : 1; }
  void look(Pair& pair);
  void look_at_row(size_t end);  // at its pairs with all before it
  void look_at(Pair& pair);
  Duration draw_pause();
  void connect(Pair& pair);
  void watch(Pair& pair, size_t side);
  void arrive(Pair& pair, size_t side, uint64_t connection, Parcel parcel);
  void release(Pair& pair, size_t side);
  // This side hears that it is over after `delay`.
  void close(Pair& pair, size_t side, Duration delay);

  EventQueue& queue_;
  Prng prng_;
  std::vector<PeerEnd*> ends_;
  std::unordered_map<std::string, size_t> by_name_;  // whoever has ever been connected
  std::vector<Duration> slow_;
  std::vector<std::unique_ptr<Pair>> pairs_;  // (0,1), (0,2), (1,2), (0,3) ...
};

}  // namespace phoenix::sim
