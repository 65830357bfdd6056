// Packets as clients and operators see them: create, one packet, orders.

#include "api/codec/decode_packet.h"
#include "api/codec/encode.h"
#include "api/codec/problem.h"
#include "api/routes/answers.h"
#include "api/routes/routes.h"

namespace phoenix {
namespace {

using SubmitResult = tl::expected<SubmitItem, Error>;

PacketDefaults defaults_of(RestCall& call) {
  PacketDefaults defaults;
  defaults.ns = call.ns();
  defaults.retain_seconds = call.services().options.retain_seconds;
  defaults.now = call.host().now().wall;
  defaults.fresh_id = [&host = call.host()] { return host.fresh_id("pkt_"); };
  // Among several hosts parts of a call are made apart from each other, and a repeat has to find
  // each of them again: its ids follow from its key.
  const auto key = call.idempotency();
  if (!call.host().alone() && key && *key) {
    defaults.ids_repeat = true;
    defaults.fresh_id = [scope = (*key)->scope, next = uint64_t{0}]() mutable {
      return derived_id("pkt_", "packet-id-1", scope, next++);
    };
  }
  const std::string_view traceparent = call.head().header("traceparent");
  const std::string_view tracestate = call.head().header("tracestate");
  // Tracing never refuses work: a header that is none is left out.
  if (valid_name(traceparent)) defaults.traceparent = traceparent;
  if (valid_name(tracestate)) defaults.tracestate = tracestate;
  return defaults;
}

void answer_created(const RestCallPtr& call, const ReplyBody& reply) {
  const auto* created = std::get_if<PacketReply>(&reply);
  if (created == nullptr) return call->fail(unexpected_reply());
  const PacketView& view = created->packet;
  std::string body;
  json::Writer writer(body);
  write_packet(writer, view, extras_of(*call, view).without_contents());
  call->add_header("Location", packet_path(view.head->key));
  call->add_header("ETag", etag(view.head->revision));
  call->respond(created->created ? 201 : 200, std::move(body));
}

void answer_batch(const RestCallPtr& call, const ReplyBody& reply) {
  const auto* batch = std::get_if<BatchReply>(&reply);
  if (batch == nullptr) return call->fail(unexpected_reply());
  std::string body;
  body.reserve(batch->items.size() * 800 + 64);
  json::Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const auto& item : batch->items) {
    writer.begin_object();
    if (const auto* created = std::get_if<PacketReply>(&item)) {
      writer.number("status", created->created ? 201 : 200);
      writer.key("packet");
      write_packet(writer, created->packet, extras_of(*call, created->packet).without_contents());
    } else if (const auto* error = std::get_if<Error>(&item)) {
      writer.number("status", http_status(error->kind));
      writer.key("problem");
      write_problem(writer, *error, call->request_id());
    }
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  call->respond(207, std::move(body));
}

void submit_one(const RestCallPtr& call, SubmitResult item) {
  if (!item) return call->fail(std::move(item.error()));
  call->set_subject("GET " + packet_path(item->key));
  Submit submit;
  submit.single = true;
  submit.items.push_back(std::move(item));
  call->write(call->as_principal(), std::move(submit), answer_created);
}

void submit_many(const RestCallPtr& call, std::vector<SubmitResult> items) {
  if (items.empty() || items.size() > kMaxItems) {
    return call->fail(
        invalid("", "holds " + std::to_string(items.size()) + " packets; 1 to 1000 are allowed")
            .value());
  }
  call->set_subject("GET /v1/packets/{id} of each item");
  Submit submit;
  submit.items = std::move(items);
  call->write(call->as_principal(), std::move(submit), answer_batch);
}

// One packet a line; a line that is no JSON spoils itself alone.
void submit_lines(const RestCallPtr& call) {
  const PacketDefaults defaults = defaults_of(*call);
  std::vector<SubmitResult> items;
  std::string_view rest = call->body();
  while (!rest.empty() && items.size() <= kMaxItems) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    auto document = json::Document::parse(line);
    if (document) {
      items.push_back(decode_submit(document->root(), defaults));
    } else {
      items.emplace_back(tl::unexpected(std::move(document.error())));
    }
  }
  submit_many(call, std::move(items));
}

void create_packets(const RestCallPtr& call) {
  if (call->raw()) {
    auto content = raw_content(call->head().header("content-type"), call->body());
    if (!content) return call->fail(std::move(content.error()));
    const std::string fields = fields_of_query(call->query());
    auto document = json::Document::parse(fields);
    if (!document) return call->fail(std::move(document.error()));
    return submit_one(call, decode_submit(document->root(), defaults_of(*call), *content));
  }
  if (auto stray = only_for_raw(call->query())) return call->fail(std::move(*stray));
  if (bare_media_type(call->head().header("content-type")) == "application/x-ndjson") {
    return submit_lines(call);
  }
  auto document = call->document();
  if (!document) return call->fail(std::move(document.error()));
  const PacketDefaults defaults = defaults_of(*call);
  const json::Value root = document->root();
  if (root.kind() != json::Kind::kArray) return submit_one(call, decode_submit(root, defaults));
  std::vector<SubmitResult> items;
  for (auto all = root.children(); !all.done() && items.size() <= kMaxItems;) {
    items.push_back(decode_submit(all.take(), defaults));
  }
  submit_many(call, std::move(items));
}

void get_packet(const RestCallPtr& call) {
  fetch_packet(call, [](const RestCallPtr& self, const PacketView& view) {
    self->contents({view.head}, kAllContents,
                   [view](const RestCallPtr& answer, const std::vector<Contents>& contents) {
                     std::string body;
                     json::Writer writer(body);
                     write_packet(writer, view,
                                  extras_of(*answer, view).with_contents(&contents[0]));
                     answer->add_header("ETag", etag(view.head->revision));
                     answer->respond(200, std::move(body));
                   });
  });
}

void answer_result(const RestCallPtr& call, const Content* content) {
  HttpResponse response;
  const bool bytes = content != nullptr && !content->is_json;
  response.headers.emplace_back("Content-Type", bytes ? content->type : "application/json");
  // What a worker wrote is data: no browser shall take it for a page of this host.
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.headers.emplace_back("Content-Security-Policy", "sandbox");
  response.body = content == nullptr ? "null" : content->data;
  call->respond(std::move(response));
}

void get_result(const RestCallPtr& call) {
  fetch_packet(call, [](const RestCallPtr& self, const PacketView& view) {
    if (view.status != Status::kCompleted) return self->fail(no_result(view));
    self->add_header("ETag", etag(view.head->revision));
    self->contents({view.head}, 1u << static_cast<int>(ContentKind::kResult),
                   [](const RestCallPtr& answer, const std::vector<Contents>& contents) {
                     const size_t kind = static_cast<size_t>(ContentKind::kResult);
                     answer_result(answer, contents[0].of[kind].get());
                   });
  });
}

template <Order kOrder>
void order_packet(const RestCallPtr& call) {
  const auto key = packet_key(*call);
  if (!key) return call->fail(key.error());
  auto document = call->document();
  if (!document) return call->fail(std::move(document.error()));
  auto order = decode_order(kOrder, document->root(), *key);
  if (!order) return call->fail(std::move(order.error()));
  auto revision = call->if_match();
  if (!revision) return call->fail(std::move(revision.error()));
  order->if_revision = *revision;
  call->set_subject("GET " + packet_path(*key));
  call->write(
      call->as_principal(), std::move(*order), [](const RestCallPtr& self, const ReplyBody& reply) {
        const auto* done = std::get_if<PacketReply>(&reply);
        if (done == nullptr) return self->fail(unexpected_reply());
        std::string body;
        json::Writer writer(body);
        write_packet(writer, done->packet, extras_of(*self, done->packet).without_contents());
        self->add_header("ETag", etag(done->packet.head->revision));
        self->respond(200, std::move(body));
      });
}

}  // namespace

void add_packet_routes(std::vector<Route>& table) {
  std::vector<std::string_view> create = raw_packet_parameters();
  create.emplace_back("raw");
  table.push_back({"POST", "/v1/packets", create_packets, Access::kRole, kClient,
                   BodyRule::kJsonOrLines, create});
  table.push_back(
      {"GET",
       "/v1/packets",
       list_packets,
       Access::kRole,
       kReader,
       BodyRule::kNone,
       {"status...", "owner", "requires...", "label...", "order", "limit", "cursor", "content"},
       true});
  table.push_back(
      {"GET", "/v1/packets/{id}", get_packet, Access::kRole, kReader, BodyRule::kNone, {"waitMs"}});
  table.push_back({"GET",
                   "/v1/packets/{id}/result",
                   get_result,
                   Access::kRole,
                   kReader,
                   BodyRule::kNone,
                   {"waitMs"}});
  table.push_back({"GET", "/v1/packets/{id}/history", get_history, Access::kRole, kReader});
  table.push_back({"GET", "/v1/packets/{id}/explain", get_explain, Access::kRole, kReader});
  table.push_back({"POST", "/v1/packets/{id}/cancel", order_packet<Order::kCancel>, Access::kRole,
                   kClient, BodyRule::kOptional});
  table.push_back({"POST", "/v1/packets/{id}/assign", order_packet<Order::kAssign>, Access::kRole,
                   kOperator, BodyRule::kOptional});
  table.push_back({"POST", "/v1/packets/{id}/evict", order_packet<Order::kEvict>, Access::kRole,
                   kOperator, BodyRule::kOptional});
  table.push_back({"POST", "/v1/packets/{id}/retry", order_packet<Order::kRetry>, Access::kRole,
                   kOperator, BodyRule::kOptional});
}

}  // namespace phoenix
