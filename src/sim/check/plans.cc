#include "sim/check/plans.h"

#include <fmt/format.h>

#include <utility>

namespace phoenix::sim {

namespace {

// "w1", or why nobody has it.
std::string standing(const Packet& head) {
  if (head.owner) return head.owner->id;
  if (head.status != Status::kPending) return std::string(status_name(head.status));
  return fmt::format("parked {}", park_reason_name(head.parked->reason));
}
std::string standing(const PlannedMove& move) {
  if (!move.to.empty()) return move.to;
  if (move.fails) return std::string(status_name(Status::kFailed));
  return fmt::format("parked {}", park_reason_name(move.parked->reason));
}

std::string text(const std::map<std::string, std::string>& moves) {
  std::string out;
  for (const auto& [packet, to] : moves) out += fmt::format(" {}:{}", packet, to);
  return out.empty() ? " nothing" : out;
}

const PutMember* record_in(const Group& group, const MemberKey& key) {
  for (const Op& op : group.ops) {
    const auto* put = std::get_if<PutMember>(&op);
    if (put != nullptr && put->record->key == key) return put;
  }
  return nullptr;
}

// By id: what left with an answer or a stream.
std::set<std::string> handed_out_in(const Output& out) {
  std::set<std::string> packets;
  const auto add = [&](const DeliveriesReply& portion) {
    for (const Delivery& item : portion.deliveries) {
      packets.insert(std::string(item.packet.head->key.id()));
    }
  };
  for (const Reply& reply : out.replies) {
    if (const auto* portion = std::get_if<DeliveriesReply>(&reply.body)) add(*portion);
  }
  for (const StreamPortion& portion : out.portions) add(portion.portion);
  return packets;
}

void add_packets(const Group& group, std::map<std::string, std::string>& moves) {
  for (const Op& op : group.ops) {
    const auto* put = std::get_if<PutPacket>(&op);
    if (put != nullptr) moves[std::string(put->head->key.id())] = standing(*put->head);
  }
}

}  // namespace

void Plans::expect(Now now, const Node& node, const PlanRequest& request, Expected expected) {
  auto plan = node.plan(now, request, 1'000'000);
  if (!plan) return;
  expected.plan = std::move(*plan);
  expected_ = std::move(expected);
}

void Plans::command(Now now, const Node& node, uint64_t run, const Command& command) {
  expected_.reset();
  if (std::exchange(run_, run) != run) heard_.clear();
  // By its first call after the host's start a session says that it has what it holds: that call
  // finds another state than the one that was planned in.
  const std::string& session = command.caller.session;
  const bool first = !session.empty() && heard_.insert(session).second;
  const auto* retire = std::get_if<Retire>(&command.body);
  if (retire == nullptr || retire->ref.member.empty() || first || node.writes_in_flight() > 0) {
    return;
  }
  const MemberKey key(retire->ref.ns, retire->ref.member);
  expect(
      now, node, PlanLeave{key, false},
      {.what = "retires", .member = key, .in_record = true, .only_to_member = false, .plan = {}});
}

void Plans::committing(Now now, const Node& node, std::span<const Group> groups) {
  expected_.reset();
  if (groups.size() != 1 || node.writes_in_flight() != 1) return;
  const PutMember* only = nullptr;
  for (const Op& op : groups[0].ops) {
    if (std::holds_alternative<PutPacket>(op)) return;
    if (const auto* put = std::get_if<PutMember>(&op)) {
      if (only != nullptr) return;
      only = put;
    }
  }
  if (only == nullptr) return;
  const MemberRecord& record = *only->record;
  if (only->event == "registered") {
    expect(now, node, PlanJoin{record},
           {.what = "joins", .member = record.key, .only_to_member = true, .plan = {}});
  } else if (only->event == "draining") {
    const auto before = node.find_member(record.key);
    if (!before || before->record->status != MemberStatus::kActive) return;
    expect(now, node, PlanDrain{record.key}, {.what = "drains", .member = record.key, .plan = {}});
  } else if (only->event == "changed") {
    PlanChange change;
    change.patch.key = record.key;
    change.patch.weight = record.weight;
    change.patch.max_load = record.max_load;
    change.patch.capabilities = record.capabilities;
    expect(now, node, change, {.what = "changes", .member = record.key, .plan = {}});
  }
}

// Whose lease ends in this tick is not to be seen from outside: one after the other is asked about.
void Plans::tick(Now now, const Node& node) {
  expected_.reset();
  if (node.writes_in_flight() > 0) return;
  const std::vector<MemberView> members = node.members();
  if (members.empty()) return;
  const MemberRecord& record = *members[ticks_++ % members.size()].record;
  if (record.manual) return;
  expect(now, node, PlanLeave{record.key, true},
         {.what = "loses its session", .member = record.key, .in_record = true, .plan = {}});
}

void Plans::done(const Output& out) {
  if (!expected_) return;
  const Expected& expected = *expected_;
  std::map<std::string, std::string> done;
  if (expected.in_record) {
    // It may not have come to that, or be told with others that happened at the same time; and
    // whose drain is over leaves alone, the session goes on.
    const PutMember* put =
        out.groups.size() == 1 ? record_in(out.groups[0], expected.member) : nullptr;
    if (put == nullptr || put->record->reason == "drained") return expected_.reset();
    add_packets(out.groups[0], done);
    return compare(std::move(done), {});
  }
  for (const Group& group : out.groups) {
    for (const Op& op : group.ops) {
      const auto* put = std::get_if<PutPacket>(&op);
      // Calls that had waited for the commit come before what follows from it.
      if (put == nullptr || (put->entry.event != "assigned" && put->entry.event != "evicted")) {
        return expected_.reset();
      }
    }
    add_packets(group, done);
  }
  // Nor did a plan know of a poll that had waited too: what it took with it stays where it is.
  compare(std::move(done), handed_out_in(out));
}

void Plans::compare(std::map<std::string, std::string> done,
                    const std::set<std::string>& handed_out) {
  const Expected expected = std::move(*expected_);
  expected_.reset();
  std::map<std::string, std::string> planned;
  for (const PlannedMove& move : expected.plan.moves) {
    // What room the draw makes at others is given away when the draw is durable.
    if (expected.only_to_member && move.to != expected.member.id()) continue;
    if (handed_out.contains(move.packet) && !done.contains(move.packet)) continue;
    planned[move.packet] = standing(move);
  }
  ++compared_;
  moved_ += planned.size();
  if (!expected.in_record) {
    // One who drains may be gone a moment later, which the plan has in its reasons already.
    for (auto* moves : {&planned, &done}) {
      for (auto& [packet, to] : *moves) {
        if (to.starts_with("parked")) to = "parked";
      }
    }
  }
  if (planned == done) return;
  complain_(Invariant::kMovesLeast,
            fmt::format("{} {}: the plan was{}, what happened{}", expected.member.text(),
                        expected.what, text(planned), text(done)));
}

}  // namespace phoenix::sim
