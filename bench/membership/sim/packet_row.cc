// Row 8: what one processor takes in: datagrams that each bring news of a host, opened, decoded and
// applied.

#include <fmt/format.h>

#include <cstdio>

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

}  // namespace

Result<bool> membership_packets(const MembershipBench& options, Figures& figures) {
  const uint32_t rounds = options.quick ? 50 : 400;
  gossip::MembershipOptions of;
  of.name = "bench";
  of.advertise = endpoint_of_host(kHosts);
  of.boot_id = 1;
  gossip::Membership core(of);
  gossip::Output out;
  Now now{Instant{seconds(1).ns}, WallMs{kFirstIncarnation} * 1'000};
  core.start(now, out);
  const gossip::Endpoint from = endpoint_of_host(0);
  gossip::Nonces nonces({});
  Duration taken{0};
  std::vector<std::string> packets(kHosts);
  for (uint32_t round = 0; round < rounds; ++round) {
    for (size_t host = 0; host < kHosts; ++host) {
      const std::string message = news_of(host, round);
      packets[host] = gossip::seal_packet({message}, true, of.frame, {}, nonces);
    }
    now.mono = now.mono + milliseconds(1);
    const Duration begin = thread_clock();
    for (const std::string& packet : packets) {
      core.receive_packet(packet, from, now, out);
      out.packets.clear();
      out.events.clear();
    }
    if (round > 0) taken = taken + (thread_clock() - begin);
    out = {};
  }
  const gossip::MembershipStats stats = core.stats();
  const double applied = static_cast<double>(kHosts) * (rounds - 1);
  figures.push_back({.row = 8,
                     .what = "datagrams with an alive of 200 B, decoded and applied",
                     .value = applied / in_seconds(taken),
                     .unit = "1/s a core",
                     .bar = {Bar::Op::kAtLeast, 300'000},
                     .beside = {{"hosts known", static_cast<double>(stats.alive)},
                                {"datagrams", static_cast<double>(stats.packets_in)},
                                {"claims refused", static_cast<double>(stats.claims_refused)}}});
  return true;
}

}  // namespace phoenix::bench
