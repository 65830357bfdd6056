// Owner's calls: what the member that holds a packet says about it. Decoded first (400), then the
// caller is looked at (401, 403); all that depends on state is the node's to refuse.

#include "api/codec/decode_packet.h"
#include "api/codec/encode.h"
#include "api/codec/problem.h"
#include "api/routes/answers.h"
#include "api/routes/routes.h"
#include "lineage/crypto/sha256.h"

namespace phoenix {
namespace {

void answer_call(const RestCallPtr& call, const ReplyBody& reply) {
  const auto* done = std::get_if<OwnerReply>(&reply);
  if (done == nullptr) return call->fail(unexpected_reply());
  std::string body;
  json::Writer writer(body);
  write_owner_reply(writer, *done);
  call->add_header("ETag", etag(done->revision));
  call->respond(200, std::move(body));
}

void answer_batch(const RestCallPtr& call, const ReplyBody& reply,
                  const std::vector<std::string>& ids) {
  const auto* batch = std::get_if<BatchReply>(&reply);
  if (batch == nullptr) return call->fail(unexpected_reply());
  std::string body;
  body.reserve(batch->items.size() * 64 + 32);
  json::Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (size_t i = 0; i < batch->items.size(); ++i) {
    const auto* error = std::get_if<Error>(&batch->items[i]);
    writer.begin_object();
    writer.field_or_null("id", i < ids.size() ? std::string_view(ids[i]) : std::string_view());
    writer.number("status", error == nullptr ? 200 : http_status(error->kind));
    if (error != nullptr) {
      writer.key("problem");
      write_problem(writer, *error, call->request_id());
    }
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  call->respond(207, std::move(body));
}

// Decodes the body, or with ?raw=true the query, the body being the content.
Result<DecodedCall> decode(const RestCall& call, Call kind) {
  std::shared_ptr<const Content> raw;
  std::string fields;
  if (call.raw()) {
    auto content = raw_content(call.head().header("content-type"), call.body());
    if (!content) return tl::unexpected(std::move(content.error()));
    raw = std::move(*content);
    fields = fields_of_query(call.query());
  } else if (auto stray = only_for_raw(call.query())) {
    return tl::unexpected(std::move(*stray));
  }
  auto document = call.raw() ? json::Document::parse(fields) : call.document();
  if (!document) return tl::unexpected(std::move(document.error()));
  return decode_call(kind, document->root(), call.ns(), &call.parameter(0), std::move(raw));
}

template <Call kKind>
void owner_call(const RestCallPtr& call) {
  auto decoded = decode(*call, kKind);
  if (!decoded) return call->fail(std::move(decoded.error()));
  auto caller = call->as_member(decoded->as_member);
  if (!caller) return call->fail(std::move(caller.error()));
  const auto key = packet_key(*call);
  if (!key) return call->fail(key.error());
  call->set_subject("GET " + packet_path(*key));
  OwnerCalls calls;
  calls.single = true;
  calls.items.emplace_back(std::move(decoded->call));
  call->write(std::move(*caller), std::move(calls), answer_call);
}

// Who signed the items of a batch that do not say it: as the call says, or the only member that the
// caller speaks for; nobody is told.
std::string signer_of(const RestCall& call, const DecodedBatch& batch) {
  if (!batch.member.empty()) return batch.member;
  if (!batch.as_member.empty()) return batch.as_member;
  const auto session =
      call.session() ? call.node().find_session(call.session()->first) : std::nullopt;
  return session && session->members.size() == 1 ? session->members[0].first : std::string();
}

// One signature stands for all items, in the order in which they were sent; from here on each
// carries its own evidence, wherever it is kept. Whether the signature holds is the node's to say.
Result<bool> lay_out_signature(const RestCall& call, DecodedBatch& batch) {
  const std::string usual = signer_of(call, batch);
  std::vector<std::string> payloads;
  payloads.reserve(batch.calls.items.size());
  for (size_t i = 0; i < batch.calls.items.size(); ++i) {
    const auto& item = batch.calls.items[i];
    if (!item) return tl::unexpected(item.error());
    const std::string& member = batch.members[i].empty() ? usual : batch.members[i];
    if (member.empty()) {
      return invalid("/items/" + std::to_string(i) + "/member",
                     "is required: the session has several members; or say it once for all");
    }
    std::optional<Digest> result;
    if (item->content) result = lineage::sha256(item->content->data);
    payloads.push_back(lineage::encode(lineage::Completion{
        call.host().pool(), std::string(item->key.ns()), std::string(item->key.id()), item->epoch,
        member, lineage::End::kCompleted, result}));
  }
  auto all = lineage::lay_out_batch(std::move(batch.signature), call.host().pool(),
                                    lineage::Completion::kType, payloads);
  if (!all) {
    all.error().detail.insert(0, "/signature: ");
    return tl::unexpected(std::move(all.error()));
  }
  for (size_t i = 0; i < all->size(); ++i) batch.calls.items[i]->evidence = std::move((*all)[i]);
  return true;
}

void complete_batch(const RestCallPtr& call) {
  auto document = call->document();
  if (!document) return call->fail(std::move(document.error()));
  auto batch = decode_complete_batch(document->root(), call->ns());
  if (!batch) return call->fail(std::move(batch.error()));
  auto caller = call->as_member(batch->as_member);
  if (!caller) return call->fail(std::move(caller.error()));
  if (!batch->signature.empty()) {
    if (auto done = lay_out_signature(*call, *batch); !done) return call->fail(done.error());
  }
  call->set_subject("GET /v1/packets/{id} of each item");
  call->write(std::move(*caller), std::move(batch->calls),
              [ids = std::move(batch->ids)](const RestCallPtr& self, const ReplyBody& reply) {
                answer_batch(self, reply, ids);
              });
}

void add(std::vector<Route>& table, std::string_view pattern, void (*handle)(const RestCallPtr&),
         std::vector<std::string_view> query = {}) {
  table.push_back({"POST", pattern, handle, Access::kMember, 0, BodyRule::kJson, std::move(query)});
}

}  // namespace

void add_owner_routes(std::vector<Route>& table) {
  add(table, "/v1/packets/{id}/start", owner_call<Call::kStart>);
  add(table, "/v1/packets/{id}/checkpoint", owner_call<Call::kCheckpoint>,
      {"raw", "epoch", "seq", "as"});
  add(table, "/v1/packets/{id}/complete", owner_call<Call::kComplete>,
      {"raw", "epoch", "as", "signature"});
  add(table, "/v1/packets/{id}/fail", owner_call<Call::kFail>);
  add(table, "/v1/packets/{id}/release", owner_call<Call::kRelease>);
  add(table, "/v1/packets/{id}/handoff", owner_call<Call::kHandoff>);
  add(table, "/v1/packets/{id}/accept", owner_call<Call::kAccept>);
  add(table, "/v1/packets/{id}/ticket", owner_call<Call::kTicket>);
  add(table, "/v1/packets:complete", complete_batch);
}

}  // namespace phoenix
