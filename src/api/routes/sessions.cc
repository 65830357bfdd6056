// A member's own calls: deliveries, heartbeat, attach, leave. Each stands twice in the table, under
// /v1/members/{id} for one member and under /v1/sessions/{sid} for all members of a session.

#include <memory>

#include "api/codec/decode_member.h"
#include "api/codec/encode.h"
#include "api/codec/problem.h"
#include "api/keys/member_keys.h"
#include "api/routes/answers.h"
#include "api/routes/delivery_stream.h"
#include "api/routes/member_answers.h"
#include "api/routes/routes.h"

namespace phoenix {
namespace {

bool names_session(const RestCall& call) { return call.head().path.starts_with("/v1/sessions/"); }

// What the path names. A session's namespace is its own; another one asked for is a 404.
Result<SessionRef> ref_of(const RestCall& call) {
  SessionRef ref;
  ref.ns = call.ns();
  if (!names_session(call)) {
    auto key = member_key(call);
    if (!key) return tl::unexpected(std::move(key.error()));
    ref.member = call.parameter(0);
    return ref;
  }
  ref.session = call.parameter(0);
  const auto record = call.node().find_session(ref.session);
  const bool asked = call.query().find("namespace") != nullptr;
  if (!record) {
    // The node tells a dead token of it from one of another session.
    if (call.session()) return ref;
  } else if (call.sees(record->ns) && (!asked || record->ns == call.ns())) {
    ref.ns = record->ns;
    return ref;
  } else if (call.session() && !asked) {
    return ref;
  }
  return fail(ErrorKind::kNotFound, "no session \"" + call.parameter(0) + "\"");
}

struct Asked {
  SessionRef ref;
  Caller caller;
};

// For calls that only the holder of the session's token may make.
Result<Asked> asked_by_member(const RestCall& call) {
  auto caller = call.as_member({});
  if (!caller) return tl::unexpected(std::move(caller.error()));
  auto ref = ref_of(call);
  if (!ref) return tl::unexpected(std::move(ref.error()));
  return Asked{std::move(*ref), std::move(*caller)};
}

// For calls that an operator may make in the member's stead.
Result<Asked> asked_by_anyone(const RestCall& call) {
  auto caller = call.as_member_or(kOperator);
  if (!caller) return tl::unexpected(std::move(caller.error()));
  auto ref = ref_of(call);
  if (!ref) return tl::unexpected(std::move(ref.error()));
  return Asked{std::move(*ref), std::move(*caller)};
}

Result<std::optional<std::string>> after_of(const RestCall& call) {
  const std::string* after = call.query().find("after");
  if (after == nullptr || after->empty()) return std::optional<std::string>();
  if (!valid_position(*after)) {
    return invalid("query:after",
                   "must be the `next` of an earlier answer: 1 to 512 of A-Z a-z 0-9 _ -");
  }
  return std::optional<std::string>(*after);
}

void answer_deliveries(const RestCallPtr& call, const DeliveriesReply& reply,
                       const std::vector<Contents>* contents) {
  std::string body;
  body.reserve(reply.deliveries.size() * 1024 + 256);
  json::Writer writer(body);
  write_deliveries(writer, reply, contents, call->move_to());
  call->add_header("Cache-Control", "no-store");
  call->respond(200, std::move(body));
}

void poll(const RestCallPtr& call) {
  json::Faults faults;
  const Query& query = call->query();
  const int64_t max = query.integer("max", 1, 1000, faults).value_or(1);
  const int64_t wait_ms = query.integer("waitMs", 0, kMaxWaitMs, faults).value_or(0);
  if (faults.any()) return call->fail(faults.error());
  auto after = after_of(*call);
  if (!after) return call->fail(std::move(after.error()));
  auto asked = asked_by_member(*call);
  if (!asked) return call->fail(std::move(asked.error()));
  Poll command;
  command.ref = std::move(asked->ref);
  command.max = static_cast<uint32_t>(max);
  command.wait = milliseconds(wait_ms);
  command.after = std::move(*after);
  call->send(
      std::move(asked->caller), std::move(command),
      [](const RestCallPtr& self, const ReplyBody& reply) {
        const auto* got = std::get_if<DeliveriesReply>(&reply);
        if (got == nullptr) return self->fail(unexpected_reply());
        if (got->deliveries.empty()) {
          const std::vector<Contents> none;
          return answer_deliveries(self, *got, &none);
        }
        std::vector<PacketPtr> heads;
        for (const auto& delivery : got->deliveries) heads.push_back(delivery.packet.head);
        self->contents(
            std::move(heads), kDeliveryContents,
            [got = *got](const RestCallPtr& answer, const std::vector<Contents>& contents) {
              answer_deliveries(answer, got, &contents);
            });
      },
      milliseconds(wait_ms));
}

void heartbeat(const RestCallPtr& call) {
  auto document = call->document();
  if (!document) return call->fail(std::move(document.error()));
  auto after = decode_heartbeat(document->root());
  if (!after) return call->fail(std::move(after.error()));
  auto asked = asked_by_member(*call);
  if (!asked) return call->fail(std::move(asked.error()));
  call->send(std::move(asked->caller), Heartbeat{std::move(asked->ref), std::move(*after)},
             [](const RestCallPtr& self, const ReplyBody& reply) {
               const auto* got = std::get_if<DeliveriesReply>(&reply);
               if (got == nullptr) return self->fail(unexpected_reply());
               answer_deliveries(self, *got, nullptr);
             });
}

void attach(const RestCallPtr& call) {
  auto document = call->document();
  if (!document) return call->fail(std::move(document.error()));
  if (auto empty = decode_empty(document->root()); !empty) return call->fail(empty.error());
  auto asked = asked_by_member(*call);
  if (!asked) return call->fail(std::move(asked.error()));
  call->send(std::move(asked->caller), Attach{std::move(asked->ref)},
             [](const RestCallPtr& self, const ReplyBody& reply) {
               const auto* got = std::get_if<AttachReply>(&reply);
               if (got == nullptr) return self->fail(unexpected_reply());
               std::string body;
               json::Writer writer(body);
               write_attach(writer, *got,
                            self->host().session_token(got->session.id, got->session.generation),
                            self->api_urls(), self->host().pool());
               self->add_header("Cache-Control", "no-store");
               self->respond(200, std::move(body));
             });
}

void stream(const RestCallPtr& call) {
  auto after = after_of(*call);
  if (!after) return call->fail(std::move(after.error()));
  if (const std::string* last = call->head().find("last-event-id")) {
    if (!valid_position(*last)) {
      return call->fail(
          invalid("header:Last-Event-ID", "must be the id of an earlier event").value());
    }
    *after = *last;
  }
  auto asked = asked_by_member(*call);
  if (!asked) return call->fail(std::move(asked.error()));
  open_delivery_stream(call, std::move(asked->caller),
                       OpenStream{std::move(asked->ref), std::move(*after)});
}

void drain(const RestCallPtr& call) {
  auto document = call->document();
  if (!document) return call->fail(std::move(document.error()));
  auto deadline = decode_drain(document->root());
  if (!deadline) return call->fail(std::move(deadline.error()));
  auto asked = asked_by_anyone(*call);
  if (!asked) return call->fail(std::move(asked.error()));
  call->write(std::move(asked->caller), Drain{std::move(asked->ref), *deadline}, answer_member);
}

void resume(const RestCallPtr& call) {
  auto document = call->document();
  if (!document) return call->fail(std::move(document.error()));
  if (auto empty = decode_empty(document->root()); !empty) return call->fail(empty.error());
  auto asked = asked_by_anyone(*call);
  if (!asked) return call->fail(std::move(asked.error()));
  call->write(std::move(asked->caller), Resume{std::move(asked->ref)}, answer_member);
}

void retire(const RestCallPtr& call) {
  auto asked = asked_by_anyone(*call);
  if (!asked) return call->fail(std::move(asked.error()));
  call->write(std::move(asked->caller), Retire{std::move(asked->ref)}, answer_member);
}

// {"items":[{"id","status","member"|"problem"}]}
void answer_added(const RestCallPtr& call, const ReplyBody& reply, const std::string& ns) {
  const auto* batch = std::get_if<BatchReply>(&reply);
  if (batch == nullptr) return call->fail(unexpected_reply());
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (size_t i = 0; i < batch->items.size(); ++i) {
    const std::string& id = batch->ids[i];
    const auto* error = std::get_if<Error>(&batch->items[i]);
    writer.begin_object();
    writer.field("id", id);
    writer.number("status", error == nullptr ? 201 : http_status(error->kind));
    if (error != nullptr) {
      writer.key("problem");
      write_problem(writer, *error, call->request_id());
    } else if (const auto view = call->node().find_member(MemberKey(ns, id))) {
      writer.key("member");
      write_member(writer, *view, home_of(*call, *view));
    }
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  call->respond(207, std::move(body));
}

void add_members(const RestCallPtr& call) {
  auto document = call->document();
  if (!document) return call->fail(std::move(document.error()));
  auto asked = asked_by_anyone(*call);
  MemberDefaults defaults;
  const std::string ns = asked ? asked->ref.ns : call->ns();
  defaults.ns = ns;
  defaults.ceiling = call->principal() == nullptr ? nullptr : &call->principal()->ceiling;
  defaults.fresh_id = [&host = call->host()] { return host.fresh_id("mem_"); };
  auto members = decode_members(document->root(), defaults);
  if (!members) return call->fail(std::move(members.error()));
  if (!asked) return call->fail(std::move(asked.error()));
  if (ask_for_proofs(call, members->records, members->proofs)) return;
  call->write(
      std::move(asked->caller),
      AddMembers{std::move(asked->ref), std::move(members->records), std::move(members->proofs)},
      [ns](const RestCallPtr& self, const ReplyBody& reply) { answer_added(self, reply, ns); });
}

void remove_members(const RestCallPtr& call) {
  auto document = call->document();
  if (!document) return call->fail(std::move(document.error()));
  auto ids = decode_ids(document->root());
  if (!ids) return call->fail(std::move(ids.error()));
  auto asked = asked_by_anyone(*call);
  if (!asked) return call->fail(std::move(asked.error()));
  call->write(std::move(asked->caller), RemoveMembers{std::move(asked->ref), std::move(*ids)},
              answer_member);
}

// --- reading ---

// A token that may not see the member is told that there is none.
bool may_read(const RestCall& call, const std::string& session) {
  return call.has_role(kReader | kMember) || (call.session() && call.session()->first == session);
}

void get_member(const RestCallPtr& call) {
  json::Faults faults;
  const int64_t wait_ms = call->query().integer("waitMs", 0, kMaxWaitMs, faults).value_or(0);
  if (faults.any()) return call->fail(faults.error());
  const auto key = member_key(*call);
  if (!key) return call->fail(key.error());
  const auto view = call->node().find_member(*key);
  if (!view || !may_read(*call, view->record->session)) {
    return call->fail(fail(ErrorKind::kNotFound, "no member \"" + call->parameter(0) +
                                                     "\" in namespace \"" + call->ns() + "\"")
                          .value());
  }
  MembersReply now;
  now.members.push_back(*view);
  if (wait_ms == 0) return answer_member(call, now);
  call->send(call->as_principal(), AwaitMember{*key, milliseconds(wait_ms)}, answer_member,
             milliseconds(wait_ms));
}

// All members of a session as they are now.
void answer_session(const RestCallPtr& call, const SessionRecord& session) {
  MembersReply reply;
  reply.single = false;
  for (const auto& [id, incarnation] : session.members) {
    const auto view = call->node().find_member(MemberKey(session.ns, id));
    if (view && view->record->incarnation == incarnation) reply.members.push_back(*view);
  }
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  write_members_of(writer, *call, reply);
  writer.key("session");
  writer.begin_object();
  writer.field("id", session.id);
  writer.field("namespace", session.ns);
  writer.number("leaseSeconds", session.lease_seconds);
  writer.end_object();
  writer.end_object();
  call->respond(200, std::move(body));
}

// Waits for the members one after the other: the session is over when the last one is RETIRED.
void await_session(const RestCallPtr& call, const SessionRecord& session, Instant until) {
  const Duration left = until - call->now().mono;
  for (const auto& [id, incarnation] : session.members) {
    const auto view = call->node().find_member(MemberKey(session.ns, id));
    const bool over = !view || view->record->incarnation != incarnation ||
                      view->record->status == MemberStatus::kRetired;
    if (over || left.ns <= 0) continue;
    return call->send(call->as_principal(), AwaitMember{view->record->key, left},
                      [session, until](const RestCallPtr& self, const ReplyBody&) {
                        const auto view_now = self->node().find_session(session.id);
                        await_session(self, view_now.value_or(session), until);
                      });
  }
  answer_session(call, session);
}

void get_session(const RestCallPtr& call) {
  json::Faults faults;
  const int64_t wait_ms = call->query().integer("waitMs", 0, kMaxWaitMs, faults).value_or(0);
  if (faults.any()) return call->fail(faults.error());
  const auto ref = ref_of(*call);
  const auto record = ref ? call->node().find_session(ref->session) : std::nullopt;
  if (!record || !may_read(*call, record->id)) {
    return call->fail(
        fail(ErrorKind::kNotFound, "no session \"" + call->parameter(0) + "\"").value());
  }
  call->extend(milliseconds(wait_ms));
  await_session(call, *record, call->now().mono + milliseconds(wait_ms));
}

// Under both names.
void add(std::vector<Route>& table, std::string_view method, std::string_view of_member,
         std::string_view of_session, void (*handle)(const RestCallPtr&), BodyRule body,
         const std::vector<std::string_view>& query = {}) {
  table.push_back({method, of_member, handle, Access::kMember, 0, body, query});
  table.push_back({method, of_session, handle, Access::kMember, 0, body, query});
}

}  // namespace

void add_session_routes(std::vector<Route>& table) {
  table.push_back(
      {"GET", "/v1/members/{id}", get_member, Access::kMember, 0, BodyRule::kNone, {"waitMs"}});
  table.push_back(
      {"GET", "/v1/sessions/{sid}", get_session, Access::kMember, 0, BodyRule::kNone, {"waitMs"}});
  table.push_back({"DELETE", "/v1/members/{id}", retire, Access::kMember, 0});
  table.push_back({"DELETE", "/v1/sessions/{sid}", retire, Access::kMember, 0});
  add(table, "GET", "/v1/members/{id}/deliveries", "/v1/sessions/{sid}/deliveries", poll,
      BodyRule::kNone, {"max", "waitMs", "after"});
  add(table, "GET", "/v1/members/{id}/stream", "/v1/sessions/{sid}/stream", stream, BodyRule::kNone,
      {"after"});
  add(table, "POST", "/v1/members/{id}/heartbeat", "/v1/sessions/{sid}/heartbeat", heartbeat,
      BodyRule::kOptional);
  add(table, "POST", "/v1/members/{id}/session", "/v1/sessions/{sid}/session", attach,
      BodyRule::kOptional);
  add(table, "POST", "/v1/members/{id}/drain", "/v1/sessions/{sid}/drain", drain,
      BodyRule::kOptional);
  add(table, "POST", "/v1/members/{id}/resume", "/v1/sessions/{sid}/resume", resume,
      BodyRule::kOptional);
  table.push_back(
      {"POST", "/v1/sessions/{sid}/members", add_members, Access::kMember, 0, BodyRule::kJson});
  table.push_back({"DELETE", "/v1/sessions/{sid}/members", remove_members, Access::kMember, 0,
                   BodyRule::kJson});
}

}  // namespace phoenix
