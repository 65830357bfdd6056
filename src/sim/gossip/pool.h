// Many hosts with their real cores in virtual time, the network and the view's store between them.
// A driver of membership.h like the daemon, but for chance: one seed, one course of events.
//
// Hosts are numbers from 0, named h0000, h0001 …; each lives at an address of its own, which it may
// change between two lives. Not thread-safe; two pools know nothing of each other.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "membership/membership.h"
#include "sim/event_queue.h"
#include "sim/gossip/agenda.h"
#include "sim/gossip/links.h"
#include "sim/gossip/sim_host.h"
#include "sim/gossip/view_desk.h"

namespace phoenix::hostsim {

struct PoolOptions {
  uint64_t seed = 1;
  gossip::Timing timing;
  LinkModel link;
  bool compress = false;
  size_t receive_buffer = 212'992;  // bytes that a socket holds while nobody reads
  // Has the last word on a host's options, before each of its lives.
  std::function<void(uint32_t, gossip::MembershipOptions&)> adjust;
};

inline PoolOptions seeded(uint64_t seed) {
  PoolOptions options;
  options.seed = seed;
  return options;
}

class Pool {
 public:
  using OnEvent = std::function<void(uint32_t host, const gossip::HostEvent& event)>;

  explicit Pool(const PoolOptions& options);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // --- hosts
  // One more host, not started yet; its number.
  uint32_t add();
  void add(size_t count);
  // One that goes by the name of another; number(name) stays that one's.
  uint32_t add_namesake(uint32_t of);
  // A new life: with what its disk remembers, and these hosts as its seeds.
  void start(uint32_t host, const std::vector<uint32_t>& seeds = {});
  // All that were added (two at least) start and know each other at once, as from a seed that had
  // heard all of them. The store has the view of all. For large pools.
  void start_together();
  // The process ends; who calls is refused. Its machine may end too: then there is silence.
  void kill(uint32_t host, bool machine_too = false);
  // The next life is at another address; the old one refuses, or is silent with its machine.
  void move(uint32_t host, bool old_machine_gone = false);
  void forget_disk(uint32_t host);
  void leave(uint32_t host);
  // Stands still, as a stopped process; what arrives waits in the socket.
  void pause(uint32_t host);
  void resume(uint32_t host);
  // Its timers run, but what it sends and what arrives waits, as in a process whose threads for
  // that are stuck.
  void block(uint32_t host);
  void unblock(uint32_t host);
  void jump_clock(uint32_t host, int64_t millis);

  size_t size() const { return hosts_.size(); }
  const std::string& name(uint32_t host) const { return hosts_[host]->name; }
  // The number of the host of that name, or size().
  uint32_t number(std::string_view name) const;
  gossip::Endpoint endpoint(uint32_t host) const { return endpoint_at(hosts_[host]->site); }
  // Requires: up(host).
  const gossip::Membership& core(uint32_t host) const { return *hosts_[host]->core; }
  uint64_t boot(uint32_t host) const { return hosts_[host]->boot; }
  uint32_t life(uint32_t host) const { return hosts_[host]->life; }
  bool up(uint32_t host) const { return hosts_[host]->core != nullptr; }
  const gossip::Remembered& disk(uint32_t host) const { return hosts_[host]->disk; }
  const Traffic& traffic(uint32_t host) const { return hosts_[host]->traffic; }
  // A command: `what` gets the core, the time and where its output goes. Requires: up(host).
  void call(uint32_t host,
            const std::function<void(gossip::Membership&, Now, gossip::Output&)>& what);
  // Bytes that arrive at a host as if sent from there; no link is asked.
  void inject(uint32_t host, std::string datagram, const gossip::Endpoint& from);

  // --- the world
  Links& links() { return links_; }
  ViewDesk& desk() { return desk_; }
  Prng& prng() { return prng_; }
  void on_event(OnEvent observer) { observer_ = std::move(observer); }

  // --- time
  Duration elapsed() const { return agenda_.now() - kStart; }
  Now now_of(uint32_t host) const;
  void at(Duration since_start, std::function<void()> action);
  void run(Duration length);
  // Until it holds, looked at every `step`; false if it still does not after `limit`.
  bool run_until(const std::function<bool()>& holds, Duration limit,
                 Duration step = milliseconds(50));
  uint64_t steps() const { return agenda_.taken(); }
  // How often a core that had just been woken wanted to be woken again at once.
  uint64_t vain_wakes() const { return vain_wakes_; }
  // Equal for equal courses of events.
  uint64_t trace() const { return trace_; }

 private:
  static constexpr Instant kStart{3'600'000'000'000};
  static constexpr uint32_t kNobody = UINT32_MAX;
  struct Site {
    uint32_t host = kNobody;  // who listens there, or did last
    bool machine = true;      // answers with a refusal when nobody listens
  };
  struct Datagram {
    uint32_t from_site = 0;
    uint32_t to_site = 0;
    gossip::Endpoint from;  // only where there is no site
    std::string bytes;
  };
  struct Stream {
    uint32_t host = 0, life = 0;  // who opened it
    gossip::StreamId core_id = 0;
    uint32_t to_site = 0;
    bool answer = true;
    std::string bytes;  // the request, then the answer
    gossip::StreamFailure failure = gossip::StreamFailure::kTimeout;
    bool over = false;
  };
  struct StoreTalk {
    gossip::ViewRequest request;
    gossip::ViewAnswer answer;
  };

  static gossip::Endpoint endpoint_at(uint32_t site);
  // The site of an endpoint, or kNobody.
  uint32_t site_of(const gossip::Endpoint& endpoint) const;
  gossip::MembershipOptions options_of(SimHost& host, const std::vector<uint32_t>& seeds);
  void begin_life(SimHost& host, const std::vector<uint32_t>& seeds, bool expected,
                  gossip::Output& out);
  void end_life(SimHost& host);
  std::pair<gossip::StreamId, std::string> first_words(SimHost& host, uint32_t seed);

  void run_entry(const Entry& entry);
  bool holds_back(SimHost& host, const Entry& entry);
  void tick(SimHost& host, const Entry& entry);
  void arrive(const Entry& entry);
  void deliver(SimHost& host, const Datagram& datagram);
  void refuse(const Entry& entry);
  void request(const Entry& entry);
  void answer(const Entry& entry);
  void stream_over(const Entry& entry);
  void ask_store(const Entry& entry);
  void store_answered(const Entry& entry);
  void release(SimHost& host);

  // Carries out what a core wants; `out` is empty from before the first event is told.
  void carry_out(SimHost& host, gossip::Output& out);
  void send(SimHost& host, gossip::PacketOut& packet);
  void open_stream(SimHost& host, gossip::StreamOut stream);
  void connect(SimHost& host, uint32_t id);
  void reply(SimHost& host, gossip::StreamReply reply);
  void end_stream(uint32_t id, Duration after, gossip::StreamFailure why);
  void schedule_tick(SimHost& host, Instant wake);
  void note(uint32_t host, What what, std::string_view bytes);
  void look_ahead() const;

  PoolOptions options_;
  Prng prng_;
  Agenda agenda_;
  Links links_;
  ViewDesk desk_;
  OnEvent observer_;
  std::vector<std::unique_ptr<SimHost>> hosts_;
  std::map<std::string, uint32_t, std::less<>> numbers_;
  std::vector<Site> sites_;
  sim::Places<Datagram> datagrams_;
  sim::Places<StoreTalk> talks_;
  sim::Places<std::function<void()>> calls_;
  std::map<uint32_t, Stream> streams_;
  uint32_t next_stream_ = 1;
  uint64_t vain_wakes_ = 0;
  gossip::Output scratch_;  // empty but within the steps that use it; kept for its room
  std::shared_ptr<gossip::HostTexts> texts_ = std::make_shared<gossip::HostTexts>();
  uint64_t trace_ = 0xcbf29ce484222325;
};

}  // namespace phoenix::hostsim
