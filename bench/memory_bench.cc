// Row 6: bytes that the core has allocated for 100,000 members, each with a session of its own, and
// for 1,000,000 live packets.

#include <string>

#include "bench/heap.h"
#include "bench/instant_host.h"
#include "bench/rows.h"
#include "bench/workload.h"

namespace phoenix::bench {
namespace {

void attach_members(InstantHost& host, WorkloadA& workload, size_t members) {
  for (size_t i = 0; i < members; ++i) {
    std::vector<MemberRecord> records;
    records.push_back(
        member_record("worker-" + std::to_string(i), workload.member_capabilities(), 1000));
    host.attach(i, std::move(records), 3600);
  }
}

void submit_packets(InstantHost& host, WorkloadA& workload, size_t packets) {
  const auto payload = json_content(1024, 1);
  for (uint64_t made = 0; made < packets;) {
    Submit submit;
    for (int i = 0; i < 1000 && made < packets; ++i) {
      submit.items.emplace_back(submit_item(++made, workload.required(), payload));
    }
    Command command;
    command.caller.principal = "bench";
    command.body = std::move(submit);
    host.run(std::move(command));
    host.take_reply();
  }
}

}  // namespace

Result<bool> bench_memory(const BenchOptions& options, Figures& figures) {
  const size_t members = options.quick ? 1'000 : 100'000;
  const size_t packets = options.quick ? 10'000 : 1'000'000;
  WorkloadA workload(6);
  const double at_start = allocated_bytes();
  NodeConfig config;
  config.max_live_packets = packets;
  config.max_members = members;
  InstantHost host(config);
  attach_members(host, workload, members);
  // A window of candidates makes the ring settle its new v-nodes.
  Position point = 0;
  OwnerQuery anyone;
  anyone.ns = kNamespace;
  host.node().owner_walk(anyone, &point);
  const double vnodes = static_cast<double>(host.node().placement().vnode_bytes());
  const double with_members = allocated_bytes();
  submit_packets(host, workload, packets);
  const double more_rings = static_cast<double>(host.node().placement().vnode_bytes()) - vnodes;
  const double with_packets = allocated_bytes();
  const auto count = static_cast<double>(members);
  const auto live = static_cast<double>(host.node().live_packets());
  figures.push_back(
      {.row = 6,
       .what = "heap per live packet beyond its payload",
       .value = (with_packets - with_members - more_rings) / live,
       .unit = "bytes",
       .bar = {Bar::Op::kAtMost, 1024},
       .beside = {{"live packets", live},
                  {"of them parked", static_cast<double>(host.node().stats().packets_now[0])}}});
  figures.push_back(
      {.row = 6,
       .what = "heap per member beside its v-nodes, a session each",
       .value = (with_members - at_start - vnodes) / count,
       .unit = "bytes",
       .bar = {Bar::Op::kAtMost, 1536},
       .beside = {{"members", count},
                  {"v-nodes and their rings, bytes a member", vnodes / count},
                  {"rings of kinds of packets later, bytes a member", more_rings / count}}});
  return true;
}

}  // namespace phoenix::bench
