// Members: register, read, list, change.

#include <algorithm>

#include "api/codec/decode_member.h"
#include "api/codec/encode.h"
#include "api/keys/member_keys.h"
#include "api/routes/answers.h"
#include "api/routes/member_answers.h"
#include "api/routes/routes.h"

namespace phoenix {
namespace {

MemberDefaults defaults_of(const RestCall& call) {
  MemberDefaults defaults;
  defaults.ns = call.ns();
  defaults.ceiling = call.principal() == nullptr ? nullptr : &call.principal()->ceiling;
  defaults.fresh_id = [&host = call.host()] { return host.fresh_id("mem_"); };
  return defaults;
}

void answer_registered(const RestCallPtr& call, const ReplyBody& reply) {
  const auto* made = std::get_if<MembersReply>(&reply);
  if (made == nullptr || made->members.empty()) return call->fail(unexpected_reply());
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  write_members_of(writer, *call, *made);
  writer.key("session");
  if (made->session) {
    write_session(writer, *made->session,
                  call->host().session_token(made->session->id, made->session->generation),
                  made->incarnation, call->host().pool());
    writer.number("run", made->run);
    writer.number("leaseMs", made->lease_ms);
    write_hosts(writer, call->api_urls());
  } else {
    writer.null();
  }
  writer.end_object();
  if (made->single) {
    call->add_header("Location", member_path(made->members[0].record->key));
    call->add_header("ETag", etag(made->members[0].record->revision));
  }
  // The answer holds a token.
  call->add_header("Cache-Control", "no-store");
  call->respond(made->created ? 201 : 200, std::move(body));
}

// Among several hosts a repeat may come to another one while the first still runs: it has to name
// the same session, so that nobody replaces his own.
std::string session_id_of(RestCall& call) {
  const auto key = call.idempotency();
  if (call.host().alone() || !key || !*key) return call.host().fresh_id("ses_");
  return derived_id("ses_", "session-id-1", (*key)->scope, 0);
}

using Decode = Result<Register> (*)(const json::Value&, const MemberDefaults&);

template <Decode kDecode>
void register_members(const RestCallPtr& call) {
  auto document = call->document();
  if (!document) return call->fail(std::move(document.error()));
  auto wanted = kDecode(document->root(), defaults_of(*call));
  if (!wanted) return call->fail(std::move(wanted.error()));
  if (wanted->replace && call->head().find("idempotency-key") == nullptr) {
    return call->fail(invalid("header:Idempotency-Key",
                              "is required with replace:true, so that a repeat of this request "
                              "replaces nothing again")
                          .value());
  }
  if (ask_for_proofs(call, wanted->members, wanted->proofs)) return;
  wanted->session_id = session_id_of(*call);
  call->set_subject("GET /v1/members");
  call->write(call->as_principal(), std::move(*wanted), answer_registered);
}

void list_members(const RestCallPtr& call) {
  json::Faults faults;
  const Query& query = call->query();
  const ListRange range = list_range(query, faults);
  const auto labels = query_labels(query, faults);
  const auto capabilities = query_capabilities(query, "capability", faults);
  std::vector<MemberStatus> statuses;
  for (const auto& name : query.list("status")) {
    if (const auto status = member_status_from_name(name)) {
      statuses.push_back(*status);
    } else {
      faults.add("query:status",
                 "\"" + name + "\" is not allowed: ACTIVE, DRAINING, DETACHED, RETIRED");
    }
  }
  if (faults.any()) return call->fail(faults.error());

  const auto namespaces = call->visible_namespaces();
  const auto wanted = [&](const MemberView& view) {
    const MemberRecord& record = *view.record;
    const auto among = [](const auto& all, const auto& one) {
      return std::find(all.begin(), all.end(), one) != all.end();
    };
    return (namespaces.empty() || among(namespaces, record.key.ns())) &&
           (statuses.empty() || among(statuses, record.status)) &&
           std::includes(record.capabilities.begin(), record.capabilities.end(),
                         capabilities.begin(), capabilities.end()) &&
           std::all_of(labels.begin(), labels.end(),
                       [&](const auto& label) { return among(record.labels, label); });
  };
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  uint32_t shown = 0;
  std::optional<ListPosition> next;
  std::string last;
  for (const auto& view : call->node().members()) {
    const std::string& key = view.record->key.text();
    if ((range.after && key <= range.after->key) || !wanted(view)) continue;
    if (shown == range.limit) {
      next = ListPosition{0, last};
      break;
    }
    write_member(writer, view, home_of(*call, view));
    last = key;
    ++shown;
  }
  writer.end_array();
  if (next) writer.field("nextCursor", encode_cursor(true, *next));
  write_position(writer, "asOf", call->host().last_event());
  writer.end_object();
  call->respond(200, std::move(body));
}

void patch_member(const RestCallPtr& call) {
  auto document = call->document();
  if (!document) return call->fail(std::move(document.error()));
  const auto key = member_key(*call);
  if (!key) return call->fail(key.error());
  auto patch = decode_patch(document->root(), *key);
  if (!patch) return call->fail(std::move(patch.error()));
  auto revision = call->if_match();
  if (!revision) return call->fail(std::move(revision.error()));
  patch->if_revision = *revision;
  auto caller = call->as_member_or(kOperator | kMember);
  if (!caller) return call->fail(std::move(caller.error()));
  call->set_subject("GET " + member_path(*key));
  call->write(std::move(*caller), std::move(*patch), answer_member);
}

}  // namespace

void add_member_routes(std::vector<Route>& table) {
  table.push_back({"POST", "/v1/members", register_members<decode_register>, Access::kRole,
                   kMember | kOperator, BodyRule::kJson});
  table.push_back({"POST", "/v1/sessions", register_members<decode_register_session>, Access::kRole,
                   kMember | kOperator, BodyRule::kJson});
  table.push_back({"GET",
                   "/v1/members",
                   list_members,
                   Access::kRole,
                   kReader,
                   BodyRule::kNone,
                   {"status...", "capability...", "label...", "limit", "cursor"},
                   true});
  table.push_back(
      {"PATCH", "/v1/members/{id}", patch_member, Access::kMember, 0, BodyRule::kPatch});
}

}  // namespace phoenix
