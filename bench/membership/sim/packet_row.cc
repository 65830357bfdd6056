// Row 8: what one processor takes in: datagrams that each bring news of a host, opened, decoded and
// applied.

#include <fmt/format.h>

#include <cstdio>
#include <vector>

#include "bench/membership/rows.h"
#include "bench/membership/sim/crowd.h"
#include "membership/wire/messages.h"
#include "membership/wire/packet.h"

namespace phoenix::bench {
namespace {

constexpr size_t kHosts = 1'000;
constexpr size_t kMessageBytes = 200;
constexpr uint32_t kFirstIncarnation = 1'800'000'000;

gossip::Endpoint endpoint_of_host(size_t host) {
  const std::string ip = {10, 1, static_cast<char>(host >> 8), static_cast<char>(host)};
  return gossip::endpoint_of(ip, 7946);
}

// News of one of the hosts, `age` of them so far.
std::string news_of(size_t host, uint32_t age) {
  const std::string name = fmt::format("peer{:04}", host);
  const gossip::Endpoint endpoint = endpoint_of_host(host);
  const auto versions = gossip::encode(gossip::Versions{});
  gossip::Alive alive;
  alive.incarnation = kFirstIncarnation + age;
  alive.node = name;
  alive.address = endpoint.bytes();
  alive.port = endpoint.port;
  alive.versions = {versions.data(), versions.size()};
  std::string meta;
  const size_t bare = gossip::encode(alive).size();
  // A tag's text; beside it stand three bytes of its length.
  meta.assign(kMessageBytes - bare - 3, 'x');
  alive.meta = meta;
  return gossip::encode(alive);
}

struct Speed {
  Duration sealing{0}, taking{0};
  gossip::MembershipStats stats;
};

// A core, with or without a key, takes in news of all hosts, in each round other ones. The first
// round, in which it gets to know them, does not count.
Speed measure(uint32_t rounds, const std::vector<std::string>& keys) {
  gossip::MembershipOptions of;
  of.name = "bench";
  of.advertise = endpoint_of_host(kHosts);
  of.boot_id = 1;
  of.keys = keys;
  gossip::Membership core(of);
  gossip::Output out;
  Now now{Instant{seconds(1).ns}, WallMs{kFirstIncarnation} * 1'000};
  core.start(now, out);
  const gossip::Endpoint from = endpoint_of_host(0);
  gossip::Nonces nonces({});
  Speed speed;
  std::vector<std::string> messages(kHosts), packets(kHosts);
  for (uint32_t round = 0; round < rounds; ++round) {
    for (size_t host = 0; host < kHosts; ++host) messages[host] = news_of(host, round);
    now.mono = now.mono + milliseconds(1);
    const Duration begin = thread_clock();
    for (size_t host = 0; host < kHosts; ++host) {
      packets[host] = gossip::seal_packet({messages[host]}, true, of.frame, core.keyring(), nonces);
    }
    const Duration sealed = thread_clock();
    for (const std::string& packet : packets) {
      core.receive_packet(packet, from, now, out);
      out.packets.clear();
      out.events.clear();
    }
    if (round > 0) {
      speed.sealing = speed.sealing + (sealed - begin);
      speed.taking = speed.taking + (thread_clock() - sealed);
    }
    out = {};
  }
  speed.stats = core.stats();
  return speed;
}

}  // namespace

Result<bool> membership_packets(const MembershipBench& options, Figures& figures) {
  const uint32_t rounds = options.quick ? 50 : 400;
  const Speed plain = measure(rounds, {});
  const Speed sealed = measure(rounds, {std::string(32, 'k')});
  const auto per_second = [rounds](Duration taken) {
    return static_cast<double>(kHosts) * (rounds - 1) / in_seconds(taken);
  };
  figures.push_back(
      {.row = 8,
       .what = "datagrams with an alive of 200 B, decoded and applied",
       .value = per_second(plain.taking),
       .unit = "1/s a core",
       .bar = {Bar::Op::kAtLeast, 300'000},
       .beside = {{"AES-256-GCM: opened, decoded, applied", per_second(sealed.taking)},
                  {"AES-256-GCM: sealed, too", per_second(sealed.taking + sealed.sealing)},
                  {"hosts known", static_cast<double>(plain.stats.alive)},
                  {"datagrams", static_cast<double>(plain.stats.packets_in)},
                  {"claims refused", static_cast<double>(plain.stats.claims_refused)},
                  {"AES-256-GCM: claims refused", static_cast<double>(sealed.stats.claims_refused)},
                  {"AES-256-GCM: hosts known", static_cast<double>(sealed.stats.alive)}}});
  return true;
}

}  // namespace phoenix::bench
