#include "sim/cluster/peer_text.h"

#include <fmt/format.h>

#include "sim/cluster/pool_rows.h"
#include "sim/trace.h"

namespace phoenix::sim {

namespace {

template <class... Ts>
struct PeerCases : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
PeerCases(Ts...) -> PeerCases<Ts...>;

std::string head_text(const Packet& head) {
  return fmt::format("{}@{}r{}", head.key.id(), head.epoch, head.revision);
}

std::string records_text(const Records& records) {
  std::string out = "records";
  for (const auto& session : records.sessions) {
    out += fmt::format(" {}r{}s{}@{}", session->id, session->revision,
                       static_cast<int>(session->state), text_of(session->home));
  }
  for (const auto& member : records.members) {
    out += fmt::format(" {}r{}#{}:{}", member->key.id(), member->revision, member->incarnation,
                       member_status_name(member->status));
  }
  for (const MemberKey& key : records.gone_members) out += fmt::format(" -{}", key.id());
  for (const std::string& id : records.gone_sessions) out += " -" + id;
  return out;
}

std::string all_text(const DeliverAll& all) {
  std::string out =
      fmt::format("deliver all of {} slots{}", all.slots.size(), all.last ? "" : "..");
  for (const Deliver& item : all.items) out += " " + head_text(*item.head);
  return out;
}

std::string turned_text(const Turned& turned) {
  return fmt::format("turned {}@{} {} {}", turned.key.id(), turned.epoch,
                     static_cast<int>(turned.why),
                     turned.member ? fmt::format("r{}", turned.member->revision) : "unknown");
}

std::string node_text(const NodeMessage& message) {
  return std::visit(
      PeerCases{
          [](const Deliver& m) {
            return fmt::format("deliver {} to {}{}", head_text(*m.head),
                               m.head->owner ? m.head->owner->id : "-", m.again ? " again" : "");
          },
          [](const DeliverAll& m) { return all_text(m); },
          [](const Offered& m) {
            return fmt::format("offered {}@{} to {}", m.packet.text(), m.epoch, m.member);
          },
          [](const Withdraw& m) {
            return fmt::format("withdraw {}@{} {}", m.key.id(), m.epoch,
                               m.reason ? revoke_reason_name(*m.reason) : "-");
          },
          [](const Taken& m) {
            return fmt::format("taken {}@{}{}", m.key.id(), m.epoch, m.started ? " started" : "");
          },
          [](const Untaken& m) { return fmt::format("untaken {}@{}", m.key.id(), m.epoch); },
          [](const Parted& m) {
            return fmt::format("parted {}#{}{}", m.key.id(), m.incarnation, m.done ? " done" : "");
          },
          [](const Turned& m) { return turned_text(m); },
          [](const Records& m) { return records_text(m); },
          [](const Documents& m) { return fmt::format("documents {}", m.documents.size()); },
          [](const Loads& m) {
            std::string out = "loads";
            for (const auto& [key, load] : m.others) out += fmt::format(" {}={}", key.id(), load);
            for (const MemberKey& key : m.asked) out += fmt::format(" {}?", key.id());
            for (const auto& [key, load] : m.given) out += fmt::format(" {}:{}", key.id(), load);
            return out;
          }},
      message);
}

}  // namespace

std::string describe_peer(const PeerMessage& message) {
  return std::visit(
      PeerCases{
          [](const PeerCall& m) {
            return fmt::format("call {} view={} hops={} {}", m.call, m.view, m.hops,
                               describe(Command{0, m.caller, m.idempotency, m.body}));
          },
          [](const PeerAnswer& m) {
            return fmt::format("answer {} view={} {}", m.call, m.view, describe(m.body));
          },
          [](const PeerPortion& m) {
            return fmt::format("portion {} {}{}", m.call, describe(m.portion), m.end ? " end" : "");
          },
          [](const PeerAbandon& m) { return fmt::format("abandon {}", m.call); },
          [](const ContentsWanted& m) { return fmt::format("contents of {} wanted", m.key.id()); },
          [](const ContentsAnswer& m) {
            return fmt::format("contents {} {}", m.call, m.contents.size());
          },
          [](const SlotsFreed& m) {
            return fmt::format("freed {} view={}", m.slots.size(), m.view);
          },
          [](const Wrote& m) {
            return fmt::format("wrote {} {} {}", m.pending, m.assigned, m.running);
          },
          [](const NodeMessage& m) { return node_text(m); }},
      message);
}

}  // namespace phoenix::sim
