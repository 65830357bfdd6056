#include "sim/gossip/pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "membership/prefetch.h"

namespace phoenix::hostsim {

namespace {

constexpr WallMs kWallAtStart = 1'800'000'000'000;
constexpr uint16_t kPort = 7946;

std::array<uint8_t, 32> seed_from(Prng& prng) {
  std::array<uint8_t, 32> seed{};
  for (size_t i = 0; i < seed.size(); i += 8) {
    const uint64_t word = prng.next();
    for (size_t j = 0; j < 8; ++j) seed[i + j] = static_cast<uint8_t>(word >> (8 * j));
  }
  return seed;
}

}  // namespace

Pool::Pool(const PoolOptions& options)
    : options_(options), prng_(options.seed), links_(options.link, prng_.fork()) {
  agenda_.pass(kStart);
}

Pool::~Pool() = default;

// --- hosts

uint32_t Pool::add() {
  const auto number = static_cast<uint32_t>(hosts_.size());
  auto host = std::make_unique<SimHost>();
  host->number = number;
  host->name = fmt::format("h{:04}", number);
  host->site = static_cast<uint32_t>(sites_.size());
  sites_.push_back({number, true});
  numbers_[host->name] = number;
  hosts_.push_back(std::move(host));
  return number;
}

void Pool::add(size_t count) {
  for (size_t i = 0; i < count; ++i) add();
}

uint32_t Pool::add_namesake(uint32_t of) {
  const uint32_t number = add();
  numbers_.erase(hosts_[number]->name);
  hosts_[number]->name = hosts_[of]->name;
  return number;
}

uint32_t Pool::number(std::string_view name) const {
  const auto found = numbers_.find(name);
  return found == numbers_.end() ? static_cast<uint32_t>(hosts_.size()) : found->second;
}

// 10.x.y.z, the site's number in the last three bytes.
gossip::Endpoint Pool::endpoint_at(uint32_t site) {
  const std::array<char, 4> ip = {10, static_cast<char>(site >> 16), static_cast<char>(site >> 8),
                                  static_cast<char>(site)};
  return gossip::endpoint_of({ip.data(), ip.size()}, kPort);
}

uint32_t Pool::site_of(const gossip::Endpoint& endpoint) const {
  if (endpoint.size != 4 || endpoint.ip[0] != 10 || endpoint.port != kPort) return kNobody;
  const uint32_t site = static_cast<uint32_t>(endpoint.ip[1]) << 16 |
                        static_cast<uint32_t>(endpoint.ip[2]) << 8 | endpoint.ip[3];
  return site < sites_.size() ? site : kNobody;
}

gossip::MembershipOptions Pool::options_of(SimHost& host, const std::vector<uint32_t>& seeds) {
  gossip::MembershipOptions options;
  options.name = host.name;
  options.advertise = endpoint_at(host.site);
  options.version = "0.1.0";
  options.boot_id = prng_.next() | 1;
  options.identity = {"pool", "0123456789abcdef", 128, "store"};
  options.timing = options_.timing;
  options.frame.compress = options_.compress;
  options.seed = seed_from(prng_);
  options.remembered = host.disk;
  options.texts = texts_;
  for (const uint32_t seed : seeds) options.seeds.push_back(endpoint(seed));
  host.boot = options.boot_id;
  if (options_.adjust) options_.adjust(host.number, options);
  return options;
}

void Pool::begin_life(SimHost& host, const std::vector<uint32_t>& seeds, bool expected,
                      gossip::Output& out) {
  gossip::MembershipOptions options = options_of(host, seeds);
  options.expected = expected;
  ++host.life;
  // Each life's clock starts somewhere else: nothing may depend on it.
  host.clock_offset = {prng_.between(0, seconds(1000).ns)};
  host.paused = host.blocked = host.left = false;
  host.wake = host.queued = kNever;
  host.core = std::make_unique<gossip::Membership>(options);
  sites_[host.site] = {host.number, true};
  host.core->start(now_of(host.number), out);
}

void Pool::start(uint32_t host, const std::vector<uint32_t>& seeds) {
  SimHost& it = *hosts_[host];
  begin_life(it, seeds, false, scratch_);
  carry_out(it, scratch_);
}

void Pool::end_life(SimHost& host) {
  if (!host.core) return;
  host.disk = host.core->remembered();
  host.core.reset();
  ++host.life;
  host.paused = host.blocked = false;
  host.outbox.clear();
  host.unsent_streams.clear();
  host.inbox_bytes = 0;
  for (std::deque<Entry> inbox = std::exchange(host.inbox, {}); const Entry& entry : inbox) {
    run_entry(entry);  // refused or dropped, as the socket is gone
  }
}

void Pool::kill(uint32_t host, bool machine_too) {
  sites_[hosts_[host]->site].machine = !machine_too;
  end_life(*hosts_[host]);
}

void Pool::move(uint32_t host, bool old_machine_gone) {
  SimHost& it = *hosts_[host];
  sites_[it.site].machine = !old_machine_gone;
  it.site = static_cast<uint32_t>(sites_.size());
  sites_.push_back({host, true});
}

void Pool::forget_disk(uint32_t host) { hosts_[host]->disk = {}; }

void Pool::leave(uint32_t host) {
  call(host, [](gossip::Membership& core, Now now, gossip::Output& out) { core.leave(now, out); });
}

void Pool::pause(uint32_t host) { hosts_[host]->paused = true; }

void Pool::resume(uint32_t host) {
  SimHost& it = *hosts_[host];
  if (!it.paused) return;
  it.paused = false;
  if (!it.core) return;
  // What a process does first that was stopped in its sleep, timers or sockets, is not told.
  const bool timers_first = prng_.chance(1, 2);
  const uint32_t life = it.life;
  if (timers_first) tick(it, {.when = agenda_.now(), .host = host, .life = life});
  release(it);
  if (it.core && it.life == life) tick(it, {.when = agenda_.now(), .host = host, .life = life});
}

void Pool::block(uint32_t host) { hosts_[host]->blocked = true; }

void Pool::unblock(uint32_t host) {
  SimHost& it = *hosts_[host];
  if (!it.blocked) return;
  it.blocked = false;
  for (gossip::PacketOut& packet : std::exchange(it.outbox, {})) send(it, packet);
  for (const uint32_t id : std::exchange(it.unsent_streams, {})) connect(it, id);
  release(it);
}

// What waited in the sockets is taken at once.
void Pool::release(SimHost& host) {
  host.inbox_bytes = 0;
  for (std::deque<Entry> inbox = std::exchange(host.inbox, {}); const Entry& entry : inbox) {
    run_entry(entry);
  }
}

void Pool::jump_clock(uint32_t host, int64_t millis) { hosts_[host]->wall_offset_ms += millis; }

void Pool::call(uint32_t host,
                const std::function<void(gossip::Membership&, Now, gossip::Output&)>& what) {
  SimHost& it = *hosts_[host];
  gossip::Output out;
  what(*it.core, now_of(host), out);
  carry_out(it, out);
}

void Pool::inject(uint32_t host, std::string datagram, const gossip::Endpoint& from) {
  Datagram sent{kNobody, hosts_[host]->site, from, std::move(datagram)};
  agenda_.add({.when = agenda_.now(),
               .host = host,
               .slot = datagrams_.put(std::move(sent)),
               .what = What::kDatagram});
}

// --- time

Now Pool::now_of(uint32_t host) const {
  const SimHost& it = *hosts_[host];
  return {agenda_.now() + it.clock_offset,
          kWallAtStart + (agenda_.now() - kStart).ms() + it.wall_offset_ms};
}

void Pool::at(Duration since_start, std::function<void()> action) {
  agenda_.add(
      {.when = kStart + since_start, .slot = calls_.put(std::move(action)), .what = What::kCall});
}

void Pool::run(Duration length) {
  const Instant end = agenda_.now() + length;
  while (agenda_.next() <= end) {
    look_ahead();
    run_entry(agenda_.take());
  }
  agenda_.pass(end);
}

bool Pool::run_until(const std::function<bool()>& holds, Duration limit, Duration step) {
  const Instant end = agenda_.now() + limit;
  while (!holds()) {
    if (agenda_.now() >= end) return false;
    run(std::min(step, end - agenda_.now()));
  }
  return true;
}

// A large pool does not fit into any cache, and two entries in succession are rarely of one host:
// what the next ones touch is fetched while those before them are carried out, each step of the
// way to it a few entries after the one that it follows from.
void Pool::look_ahead() const {
  const auto host_of = [this](const Entry* entry) -> const SimHost* {
    const bool has_one = entry != nullptr && entry->what != What::kCall && entry->host < size();
    return has_one ? hosts_[entry->host].get() : nullptr;
  };
  const auto is_datagram = [](const Entry* entry) {
    return entry != nullptr && entry->what == What::kDatagram;
  };
  constexpr size_t kStep = 8;
  const Entry* const far = agenda_.coming(5 * kStep);
  if (is_datagram(far)) gossip::prefetch(&datagrams_.at(far->slot), sizeof(Datagram));
  if (const SimHost* host = host_of(far)) gossip::prefetch(host, sizeof *host);
  const Entry* const near = agenda_.coming(4 * kStep);
  if (is_datagram(near)) {
    const std::string& bytes = datagrams_.at(near->slot).bytes;
    gossip::prefetch(bytes.data(), bytes.size());
  }
  if (const SimHost* host = host_of(near)) gossip::prefetch(host->core.get(), gossip::kCacheLine);
  for (int depth = 0; depth < 3; ++depth) {
    const SimHost* host = host_of(agenda_.coming((3 - static_cast<size_t>(depth)) * kStep));
    if (host != nullptr && host->core != nullptr) host->core->prefetch(depth);
  }
}

void Pool::run_entry(const Entry& entry) {
  if (entry.what == What::kCall) return calls_.take(entry.slot)();
  if (entry.what == What::kStoreAsk) return ask_store(entry);
  SimHost& host = *hosts_[entry.host];
  if (holds_back(host, entry)) return;
  switch (entry.what) {
    case What::kTick:
      return tick(host, entry);
    case What::kDatagram:
      return arrive(entry);
    case What::kRefusal:
      return refuse(entry);
    case What::kRequest:
      return request(entry);
    case What::kAnswer:
      return answer(entry);
    case What::kStreamOver:
      return stream_over(entry);
    case What::kStoreAnswer:
      return store_answered(entry);
    case What::kStoreAsk:
    case What::kCall:
      return;
  }
}

// Whether the host cannot take it now; it will when it goes on.
bool Pool::holds_back(SimHost& host, const Entry& entry) {
  if (!host.paused && !host.blocked) return false;
  if (entry.what == What::kTick || (host.blocked && entry.what == What::kStreamOver)) {
    if (!host.paused) return false;
    if (entry.what == What::kTick) {
      host.queued = kNever;  // the tick is made up for
      return true;
    }
  }
  if (entry.what == What::kDatagram) {
    // What the kernel charges for a datagram beside its bytes.
    constexpr size_t kCharge = 576;
    const size_t bytes = datagrams_.at(entry.slot).bytes.size() + kCharge;
    if (host.inbox_bytes + bytes > options_.receive_buffer) {
      datagrams_.take(entry.slot);
      ++host.traffic.buffer_overruns;
      return true;
    }
    host.inbox_bytes += bytes;
  }
  host.inbox.push_back(entry);
  return true;
}

void Pool::tick(SimHost& host, const Entry& entry) {
  if (!host.core || entry.life != host.life) return;
  if (entry.when >= host.queued) host.queued = kNever;
  if (agenda_.now() < host.wake) return schedule_tick(host, host.wake);
  host.woken = agenda_.now();
  note(host.number, What::kTick, {});
  host.core->tick(now_of(host.number), scratch_);
  carry_out(host, scratch_);
}

void Pool::schedule_tick(SimHost& host, Instant wake) {
  // At once is fine, but a core that was just woken and wants it again would stop the world; a
  // moment later is as good.
  constexpr Duration kMoment = microseconds(50);
  if (wake <= agenda_.now()) {
    const bool again = host.woken == agenda_.now();
    if (again) ++vain_wakes_;
    wake = again ? agenda_.now() + kMoment : agenda_.now();
  }
  host.wake = wake;
  if (wake >= host.queued || wake == kNever) return;
  host.queued = wake;
  agenda_.add({.when = wake, .host = host.number, .life = host.life});
}

// FNV-1a over words, which only has to notice a difference.
void Pool::note(uint32_t host, What what, std::string_view bytes) {
  const auto mix = [this](uint64_t word) { trace_ = (trace_ ^ word) * 0x100000001b3; };
  mix(static_cast<uint64_t>(agenda_.now().ns));
  mix(static_cast<uint64_t>(host) << 8 | static_cast<uint64_t>(what));
  mix(bytes.size());
  for (size_t i = 0; i < bytes.size(); i += 16) mix(static_cast<uint8_t>(bytes[i]));
}

}  // namespace phoenix::hostsim
