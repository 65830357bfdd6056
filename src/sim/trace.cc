#include "sim/trace.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iterator>

#include "base/siphash.h"

namespace phoenix::sim {

namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

std::string join(const std::vector<std::string>& items) {
  return fmt::format("{}", fmt::join(items, "+"));
}

std::string describe_call(const OwnerCall& call) {
  return fmt::format("{} {}@{}{}{}", call_name(call.call), call.key.id(), call.epoch,
                     call.to.empty() ? "" : " to " + call.to,
                     call.required ? " to " + join(*call.required) : "");
}

std::string describe_session(const char* verb, const SessionRef& ref, std::string_view rest) {
  return fmt::format("{} {}{}{}", verb, ref.member.empty() ? ref.session : ref.member,
                     rest.empty() ? "" : " ", rest);
}

std::string describe_submit(const Submit& submit) {
  std::string out = "submit";
  for (const auto& item : submit.items) {
    out += item ? fmt::format(" {}[{}]", item->key.id(), join(item->required)) : " (invalid)";
  }
  return out;
}

std::string describe_calls(const OwnerCalls& calls) {
  std::string out;
  for (const auto& item : calls.items) {
    if (!out.empty()) out += ", ";
    out += item ? describe_call(*item) : "(invalid)";
  }
  return out;
}

std::string describe_register(const Register& reg) {
  std::string out = reg.replace ? "register replace" : "register";
  for (const MemberRecord& member : reg.members) {
    out += fmt::format(" {}[{}]w{}l{}", member.key.id(), join(member.capabilities), member.weight,
                       member.max_load);
  }
  return out;
}

constexpr std::string_view kOrderNames[] = {"cancel", "assign", "evict", "retry"};

std::string describe_error(const Error& error) {
  return fmt::format("refused {} epoch={} owner={} {}", kind_name(error.kind),
                     error.epoch.value_or(0), error.owner.value_or("-"), error.reason_code);
}

std::string describe_packet(const PacketReply& reply) {
  const Packet& head = *reply.packet.head;
  return fmt::format("{}packet {} {} owner={} epoch={} rev={}", reply.created ? "created " : "",
                     head.key.id(), status_name(reply.packet.status),
                     head.owner ? head.owner->id : "-", head.epoch, head.revision);
}

std::string describe_owner(const OwnerReply& reply) {
  return fmt::format("{} {} epoch={} rev={}", reply.id, status_name(reply.status), reply.epoch,
                     reply.revision);
}

std::string describe_batch(const BatchReply& reply) {
  std::string out = "batch";
  for (const ItemReply& item : reply.items) {
    out += " | ";
    out += std::visit(Overloaded{[](const PacketReply& r) { return describe_packet(r); },
                                 [](const OwnerReply& r) { return describe_owner(r); },
                                 [](const Error& r) { return describe_error(r); }},
                      item);
  }
  return out;
}

std::string describe_members(const MembersReply& reply) {
  std::string out = reply.created ? "registered" : "members";
  for (const MemberView& view : reply.members) {
    out += fmt::format(" {}:{}#{}", view.record->key.id(), member_status_name(view.record->status),
                       view.record->incarnation);
  }
  if (reply.session) {
    out += fmt::format(" session={}/{}", reply.session->id, reply.session->generation);
  }
  return out;
}

std::string describe_revoked(const std::vector<Revoked>& revoked) {
  std::string out;
  for (const Revoked& item : revoked) {
    out += fmt::format(" -{}@{}:{}", item.id, item.epoch, revoke_reason_name(item.reason));
  }
  return out;
}

std::string describe_attach(const AttachReply& reply) {
  std::string out = fmt::format("attached session={}/{} run={}", reply.session.id,
                                reply.session.generation, reply.run);
  for (const auto& [id, epoch] : reply.held) out += fmt::format(" ={}@{}", id, epoch);
  return out + describe_revoked(reply.revoked) + " next=" + reply.next;
}

std::string describe_op(const Op& op) {
  return std::visit(
      Overloaded{[](const PutPacket& put) {
                   return fmt::format("{} {}->{} {} {}", put.head->key.id(), put.expect_revision,
                                      put.head->revision, put.entry.event,
                                      put.head->owner ? put.head->owner->id : "-");
                 },
                 [](const PutMember& put) {
                   return fmt::format("{} {}->{} {}", put.record->key.id(), put.expect_revision,
                                      put.record->revision, put.event);
                 },
                 [](const PutSession& put) {
                   return fmt::format("session {} {}->{} state{}", put.record->id,
                                      put.expect_revision, put.record->revision,
                                      static_cast<int>(put.record->state));
                 },
                 [](const DropMember& drop) { return fmt::format("drop {}", drop.key.id()); },
                 [](const DropSession& drop) { return fmt::format("drop session {}", drop.id); },
                 [](const PutDocument& put) {
                   return fmt::format("{} {}->{} {}", put.document->key.text(), put.expect_revision,
                                      put.document->revision, put.event);
                 },
                 [](const PutNote& put) { return fmt::format("note {}", put.key); },
                 [](const PutAnswer&) { return std::string("answer"); }},
      op);
}

}  // namespace

void Trace::line(Instant now, std::span<const std::string_view> parts) {
  std::string& full = newest_[lines_++ % kNewest];
  full.clear();
  fmt::format_to(std::back_inserter(full), FMT_COMPILE("{:>5}.{:06} "), now.ns / 1'000'000'000,
                 now.ns / 1'000 % 1'000'000);
  for (const std::string_view part : parts) full += part;
  RingKey key;
  for (size_t i = 0; i < 8; ++i) key.bytes[i] = static_cast<uint8_t>(hash_ >> (8 * i));
  hash_ = siphash13(key, full);
  if (print_) std::printf("%s\n", full.c_str());
}

std::vector<std::string> Trace::newest() const {
  std::vector<std::string> out;
  for (uint64_t i = lines_ - std::min<uint64_t>(lines_, kNewest); i < lines_; ++i) {
    out.push_back(newest_[i % kNewest]);
  }
  return out;
}

std::string describe(const Command& command) {
  const std::string body = std::visit(
      Overloaded{
          [](const Submit& b) { return describe_submit(b); },
          [](const OwnerCalls& b) { return describe_calls(b); },
          [](const OrderPacket& b) {
            return fmt::format("{} {} {}", kOrderNames[static_cast<size_t>(b.order)], b.key.id(),
                               b.to);
          },
          [](const AwaitPacket& b) { return fmt::format("await {}", b.key.id()); },
          [](const Register& b) { return describe_register(b); },
          [](const Poll& b) {
            return describe_session(
                "poll", b.ref,
                fmt::format("max={} wait={} after={}", b.max, b.wait.ms(), b.after.value_or("-")));
          },
          [](const Heartbeat& b) {
            return describe_session("heartbeat", b.ref, "after=" + b.after.value_or("-"));
          },
          [](const OpenStream& b) {
            return describe_session("stream", b.ref, "after=" + b.after.value_or("-"));
          },
          [](const Attach& b) { return describe_session("attach", b.ref, ""); },
          [](const Drain& b) {
            return describe_session("drain", b.ref,
                                    fmt::format("{}", b.deadline_seconds.value_or(0)));
          },
          [](const Resume& b) { return describe_session("resume", b.ref, ""); },
          [](const Retire& b) { return describe_session("retire", b.ref, ""); },
          [](const AddMembers& b) { return describe_session("add", b.ref, ""); },
          [](const RemoveMembers& b) { return describe_session("remove", b.ref, ""); },
          [](const PatchMember& b) {
            return fmt::format("patch {} load={} caps={}", b.key.id(), b.max_load.value_or(0),
                               b.capabilities ? join(*b.capabilities) : "");
          },
          [](const AwaitMember& b) { return fmt::format("await member {}", b.key.id()); },
          [](const ApplyDocuments& b) { return fmt::format("apply {} {}", b.ns, b.items.size()); },
          [](const DecideApproval& b) {
            return fmt::format("{} {}", b.approve ? "approve" : "reject", b.name);
          }},
      command.body);
  return fmt::format("#{} {}/{} {}", command.id, command.caller.session, command.caller.generation,
                     body);
}

std::string describe(const DeliveriesReply& reply) {
  std::string out = "deliveries";
  for (const Delivery& item : reply.deliveries) {
    out += fmt::format(" +{}@{}>{}", item.packet.head->key.id(), item.epoch, item.member);
  }
  out += describe_revoked(reply.revoked);
  if (reply.drain) out += fmt::format(" drain={}", reply.drain->deadline);
  return out + fmt::format(" run={} next={}", reply.run, reply.next);
}

std::string describe(const ReplyBody& reply) {
  return std::visit(Overloaded{[](const Error& r) { return describe_error(r); },
                               [](const PacketReply& r) { return describe_packet(r); },
                               [](const OwnerReply& r) { return describe_owner(r); },
                               [](const BatchReply& r) { return describe_batch(r); },
                               [](const MembersReply& r) { return describe_members(r); },
                               [](const DeliveriesReply& r) { return describe(r); },
                               [](const AttachReply& r) { return describe_attach(r); },
                               [](const DocumentsReply& r) {
                                 return fmt::format("documents {}", r.items.size());
                               },
                               [](const StreamOpened&) { return std::string("stream opened"); }},
                    reply);
}

std::string describe(const Group& group) {
  std::string out = fmt::format("group {}:", group.id);
  for (const Op& op : group.ops) {
    out += " [";
    out += describe_op(op);
    out += "]";
  }
  return out;
}

}  // namespace phoenix::sim
