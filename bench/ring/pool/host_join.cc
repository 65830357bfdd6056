#include "bench/ring/pool/host_join.h"

#include <set>
#include <string>
#include <vector>

#include "bench/instant_host.h"
#include "bench/workload.h"

namespace phoenix::bench {
namespace {

class JoinedHost {
 public:
  JoinedHost() : workload_(4), host_(NodeConfig{}) {}

  void attach(uint64_t number) {
    host_.attach(
        number,
        {member_record("worker-" + std::to_string(number), workload_.member_capabilities(), 1'000)},
        3600);
  }

  void submit(size_t packets) {
    const auto payload = json_content(16, 1);
    for (size_t i = 0; i < packets; i += 100) {
      Submit submit;
      for (size_t j = 0; j < 100; ++j) {
        submit.items.emplace_back(submit_item(++made_, workload_.required(), payload));
      }
      Command command;
      command.caller.principal = "bench";
      command.body = std::move(submit);
      host_.run(std::move(command));
    }
  }

  // The ids of what the session is handed.
  std::vector<std::string> poll(uint64_t session) {
    Poll poll;
    poll.ref = {kNamespace, "", InstantHost::session_id(session)};
    poll.max = 1'000;
    Command command;
    command.caller = InstantHost::session_caller(session);
    command.body = std::move(poll);
    host_.run(std::move(command));
    const Reply reply = host_.take_reply();
    std::vector<std::string> ids;
    if (const auto* answer = std::get_if<DeliveriesReply>(&reply.body)) {
      for (const Delivery& delivery : answer->deliveries) {
        ids.push_back(delivery.packet.head->key.text());
      }
    }
    return ids;
  }

  void pass(Duration time) { host_.pass(time); }
  const Stats& stats() const { return host_.node().stats(); }

 private:
  WorkloadA workload_;
  InstantHost host_;
  uint64_t made_ = 0;
};

}  // namespace

HostJoins join_a_host(size_t members, size_t packets, size_t joins) {
  JoinedHost host;
  for (size_t i = 0; i < members; ++i) host.attach(i);
  host.submit(packets);
  std::set<std::string> handed_out;
  for (size_t i = 0; i < members; ++i) {
    if (i % 5 == 0) continue;
    for (std::string& id : host.poll(i)) handed_out.insert(std::move(id));
  }
  host.pass(milliseconds(1));
  HostJoins found;
  found.movable = host.stats().granted - handed_out.size();
  const auto drawn = [&host] { return host.stats().moved[static_cast<size_t>(MoveCause::kJoin)]; };
  const uint64_t before = drawn();
  for (size_t i = members; i < members + joins; ++i) {
    host.attach(i);
    for (const std::string& id : host.poll(i)) {
      if (handed_out.contains(id)) ++found.handed_out;
    }
  }
  found.moved = drawn() - before;
  return found;
}

}  // namespace phoenix::bench
