// Hosts, and the figures.

#include "api/codec/json_writer.h"
#include "api/figures.h"
#include "api/routes/answers.h"
#include "api/routes/routes.h"

namespace phoenix {
namespace {

void write_host(json::Writer& writer, const RestCall& call) {
  const Host& host = call.host();
  const Stats& stats = host.node().stats();
  const Health health = host.node().health(host.now());
  const ApiOptions& options = call.options();
  const std::string api = !options.advertise.empty()
                              ? options.advertise
                              : (options.listen.empty() ? std::string() : options.listen.front());
  writer.begin_object();
  writer.field("name", host.name());
  writer.field("status", "ALIVE");
  writer.flag("ready", health.ready);
  writer.number("incarnation", host.run());
  writer.number("weight", options.weight);
  writer.field("version", options.version);
  writer.field_or_null("api", api);
  writer.null("peer");
  writer.null("gossip");
  writer.number("slots", slot_keepers(call).kept_by(host.name()));
  writer.number("members", stats.members_now[static_cast<size_t>(MemberStatus::kActive)] +
                               stats.members_now[static_cast<size_t>(MemberStatus::kDraining)]);
  writer.number("livePackets", host.node().live_packets());
  writer.time_or_null("startedAt", host.started_at());
  writer.end_object();
}

void list_hosts(const RestCallPtr& call) {
  json::Faults faults;
  const ListRange range = list_range(call->query(), faults);
  if (faults.any()) return call->fail(faults.error());
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  if (!range.after) write_host(writer, *call);
  writer.end_array();
  writer.number("asOf", call->host().last_event_seq());
  writer.end_object();
  call->respond(200, std::move(body));
}

void get_host(const RestCallPtr& call) {
  if (call->parameter(0) != call->host().name()) {
    return call->fail(fail(ErrorKind::kNotFound, "no host \"" + call->parameter(0) + "\"").value());
  }
  std::string body;
  json::Writer writer(body);
  write_host(writer, *call);
  call->respond(200, std::move(body));
}

void get_dma(const RestCallPtr& call) {
  json::Faults faults;
  const bool values = call->query().flag("values", faults);
  if (faults.any()) return call->fail(faults.error());
  call->respond(200, dma_json(call->host(), values));
}

void add(std::vector<Route>& table, std::string_view pattern, void (*handle)(const RestCallPtr&),
         std::vector<std::string_view> query = {}) {
  table.push_back(
      {"GET", pattern, handle, Access::kRole, kReader, BodyRule::kNone, std::move(query), true});
}

}  // namespace

void add_host_routes(std::vector<Route>& table) {
  add(table, "/v1/hosts", list_hosts, {"limit", "cursor"});
  add(table, "/v1/hosts/{name}", get_host);
  add(table, "/v1/dma", get_dma, {"values"});
}

}  // namespace phoenix
