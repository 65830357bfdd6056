#include "bench/instant_host.h"

#include "bench/clock.h"

namespace phoenix::bench {

void InstantHost::run(Command command) {
  command.id = ++next_;
  const Duration begin = thread_clock();
  reply_.reset();
  node_.command(now_, std::move(command));
  while (node_.has_output()) {
    Output out = node_.take_output();
    std::vector<uint64_t> ids;
    for (const Group& group : out.groups) ids.push_back(group.id);
    if (!ids.empty()) {
      const std::vector<Outcome> outcomes(ids.size(), Outcome::kCommitted);
      node_.completed(now_, ++batch_, ids, outcomes, "");
    }
    for (Reply& reply : out.replies) {
      if (reply.id == next_) reply_ = std::move(reply);
    }
  }
  busy_ = busy_ + (thread_clock() - begin);
}

Reply InstantHost::take_reply() {
  Reply taken = std::move(reply_).value_or(Reply{});
  reply_.reset();
  return taken;
}

void InstantHost::attach(uint64_t number, std::vector<MemberRecord> members, uint32_t lease_seconds,
                         std::vector<std::string> proofs) {
  Register request;
  request.members = std::move(members);
  request.proofs = std::move(proofs);
  request.lease_seconds = lease_seconds;
  request.single = request.members.size() == 1;
  request.session_id = session_id(number);
  Command command;
  command.caller.principal = "bench";
  command.body = std::move(request);
  run(std::move(command));
}

std::string InstantHost::session_id(uint64_t number) {
  std::string digits = std::to_string(number);
  return "ses_01JD7Q" + std::string(20 - digits.size(), '0') + digits;
}

Caller InstantHost::session_caller(uint64_t number) {
  Caller caller;
  caller.session = session_id(number);
  caller.generation = 1;
  return caller;
}

}  // namespace phoenix::bench
