// What a host says of itself: version, health, metrics, the description of this interface, and the
// pages behind the problems' types.

#include "api/codec/problem.h"
#include "api/figures.h"
#include "api/openapi.h"
#include "api/routes/answers.h"
#include "api/routes/routes.h"
#include "base/json/json_writer.h"
#include "runtime/hosts.h"
#include "runtime/recorder/flight_recorder.h"

namespace phoenix {
namespace {

void get_version(const RestCallPtr& call) {
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.field("version", call->options().version);
  writer.field("api", "v1");
  writer.key("features");
  writer.begin_array();
  for (const char* feature : {"members", "packets", "events", "idempotency", "raw"}) {
    writer.string(feature);
  }
  writer.end_array();
  writer.end_object();
  call->respond(200, std::move(body));
}

void get_livez(const RestCallPtr& call) { call->respond(200, "{\"status\":\"live\"}"); }

// Hosts of the view that some of their observers miss. They hinder nobody's work here, so they make
// no host unready; but somebody should look at the network between.
void write_unstable(json::Writer& writer, const RestCall& call) {
  const Hosts* hosts = call.options().hosts;
  writer.key("unstableHosts");
  writer.begin_array();
  if (hosts != nullptr) {
    const WallMs now = call.now().wall;
    for (const auto& [name, length] : hosts->unstable()) {
      writer.begin_object();
      writer.field("host", showable(name));
      writer.time_or_null("since", now - length.ms());
      writer.end_object();
    }
  }
  writer.end_array();
}

// Nobody's work waits for it, but what happens from then on nobody can prove.
void write_recorder(json::Writer& writer, const RestCall& call) {
  const FlightRecorder* const recorder = call.host().recorder();
  if (recorder == nullptr || recorder->trouble().empty()) return;
  writer.field("flightRecorder", recorder->trouble());
}

// 200 exactly while work is accepted; else what is wedged, and since when.
void get_readyz(const RestCallPtr& call) {
  const auto& draining = call->options().draining;
  const Health health = call->host().health();
  const bool leaving = draining && draining();
  call->add_header("Cache-Control", "no-store");
  if (health.ready && !leaving) {
    std::string body;
    json::Writer writer(body);
    writer.begin_object();
    writer.field("status", "ready");
    write_unstable(writer, *call);
    write_recorder(writer, *call);
    writer.end_object();
    return call->respond(200, std::move(body));
  }
  Error error;
  error.kind = leaving ? ErrorKind::kDraining : ErrorKind::kStoreUnreachable;
  error.detail = leaving ? "the host is shutting down" : health.why;
  std::string extra;
  json::Writer writer(extra);
  writer.time_or_null("since", health.since);
  writer.real("oldestWriteSeconds", static_cast<double>(health.oldest_write.ns) / 1e9);
  writer.number("writesInFlight", health.writes_in_flight);
  write_unstable(writer, *call);
  write_recorder(writer, *call);
  call->fail(std::move(error), extra);
}

void get_metrics(const RestCallPtr& call) {
  HttpResponse response;
  response.headers.emplace_back("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  response.body = metrics_text(call->host(), call->options().hosts, call->options().version);
  call->respond(std::move(response));
}

void get_openapi(const RestCallPtr& call) {
  HttpResponse response;
  response.headers.emplace_back("Content-Type", "application/json");
  response.body = openapi_json();
  call->respond(std::move(response));
}

void get_problem_page(const RestCallPtr& call) {
  HttpResponse response;
  response.headers.emplace_back("Content-Type", "text/html; charset=utf-8");
  response.body = problem_page(call->parameter(0));
  if (response.body.empty()) {
    return call->fail(fail(ErrorKind::kNotFound, "no such kind of problem").value());
  }
  call->respond(std::move(response));
}

void add(std::vector<Route>& table, std::string_view pattern, void (*handle)(const RestCallPtr&),
         Access access = Access::kEveryone) {
  table.push_back({"GET", pattern, handle, access, kReader, BodyRule::kNone, {}, true});
}

}  // namespace

void add_meta_routes(std::vector<Route>& table) {
  add(table, "/v1/version", get_version);
  add(table, "/livez", get_livez);
  add(table, "/readyz", get_readyz);
  add(table, "/metrics", get_metrics, Access::kRole);
  add(table, "/openapi.json", get_openapi);
  add(table, "/problems/{kind}", get_problem_page);
}

}  // namespace phoenix
