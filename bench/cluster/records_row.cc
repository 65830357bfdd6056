// Row 6: bytes that one of five hosts has allocated for each member of the pool, a fifth of them at
// home here: records as they come out of messages, and all that is kept to find and rank them.
// Their v-nodes are told apart.

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bench/cluster/rows.h"
#include "bench/heap.h"
#include "bench/instant_host.h"
#include "bench/workload.h"
#include "cluster/peer_message.h"
#include "node/node.h"

namespace phoenix::bench {
namespace {

constexpr size_t kMembersOfSession = 100;
constexpr size_t kHosts = 5;

// One session and its members, as its home tells them to the others.
Records session_records(WorkloadA& workload, size_t number, const HostLife& home) {
  auto session = std::make_shared<SessionRecord>();
  session->id = InstantHost::session_id(number);
  session->ns = kNamespace;
  session->home = home;
  session->registered_by = "bench";
  session->revision = 1;
  Records records;
  for (size_t i = 0; i < kMembersOfSession; ++i) {
    const std::string id = "worker-" + std::to_string(number * kMembersOfSession + i);
    MemberRecord member = member_record(id, workload.member_capabilities(), 1000);
    member.session = session->id;
    member.registered_by = "bench";
    member.incarnation = 1;
    member.revision = 1;
    session->members.emplace_back(id, 1);
    records.members.push_back(std::make_shared<const MemberRecord>(std::move(member)));
  }
  records.sessions.push_back(std::move(session));
  return records;
}

}  // namespace

Result<bool> cluster_records(const ClusterBench& options, Figures& figures) {
  const size_t sessions = options.quick ? 10 : 1'000;
  std::vector<HostLife> hosts;
  for (size_t i = 0; i < kHosts; ++i) hosts.push_back({"host-" + std::to_string(i), 1 + i});
  WorkloadA workload(6);
  const Now now = {.mono = Instant{} + seconds(1000), .wall = 1'700'000'000'000};

  const double at_start = allocated_bytes();
  NodeConfig config;
  config.self = hosts[0];
  config.max_members = sessions * kMembersOfSession;
  Node node(config);
  node.ready(now);
  node.view(now, hosts, {}, [](const std::string&) { return false; });
  size_t told = 0;
  for (size_t i = 0; i < sessions; ++i) {
    const PeerMessage sent = NodeMessage(session_records(workload, i, hosts[i % kHosts]));
    const std::string bytes = encode(sent);
    told += bytes.size();
    auto message = decode_peer_message(bytes);
    if (!message) return tl::unexpected(std::move(message.error()));
    node.learn(now, std::move(std::get<Records>(std::get<NodeMessage>(*message))));
    node.take_output();
  }
  // By then their homes have said what they hold, or are not waited for any more.
  node.tick({.mono = now.mono + seconds(1), .wall = now.wall + 1'000});
  node.take_output();
  // A window of candidates makes the ring settle its new v-nodes.
  Position point = 0;
  OwnerQuery anyone;
  anyone.ns = kNamespace;
  node.owner_walk(anyone, &point);
  const auto vnodes = static_cast<double>(node.placement().vnode_bytes());
  const double allocated = allocated_bytes() - at_start;

  const auto count = static_cast<double>(node.members().size());
  if (count != static_cast<double>(sessions * kMembersOfSession)) {
    return fail(ErrorKind::kInternal, "the host knows only " + std::to_string(count) + " members");
  }
  figures.push_back(
      {.row = 6,
       .what = "heap per member and host beside its v-nodes, 100 members a session",
       .value = (allocated - vnodes) / count,
       .unit = "bytes",
       .bar = {Bar::Op::kAtMost, 1024},
       .beside = {{"members", count},
                  {"sessions", static_cast<double>(sessions)},
                  {"v-nodes and their rings, bytes a member", vnodes / count},
                  {"a member in a message of records, bytes", static_cast<double>(told) / count}}});
  return true;
}

}  // namespace phoenix::bench
