#include "cli/commands/commands.h"
#include "cli/commands/status_view.h"
#include "cli/context.h"

namespace phoenix::cli {
namespace {

// One document of all that was asked, for -o json and yaml: there is no single call behind it.
Reply combined(const StatusFacts& facts) {
  Json document = Json::object();
  document.set("url", Json::string(facts.url)).set("ready", Json::boolean(facts.is_ready));
  document.set("hosts", facts.hosts["items"]);
  for (const auto& [name, value] : facts.dma.members()) document.set(name, value);
  if (!facts.is_ready) document.set("readyz", facts.ready);
  Reply reply;
  reply.body = document.dump();
  reply.json = std::move(document);
  return reply;
}

Outcome<Json> all_hosts(Context& context, const std::string& what) {
  Json items = Json::array();
  std::string cursor;
  do {
    Target page({"hosts"});
    page.with("limit", 1000);
    if (!cursor.empty()) page.with("cursor", cursor);
    auto reply = context.api.get(what, page);
    if (!reply) return tl::unexpected(reply.error());
    for (const Json& host : reply->json["items"].items()) items.push(host);
    cursor = reply->json["nextCursor"].text();
  } while (!cursor.empty());
  Json hosts = Json::object();
  hosts.set("items", std::move(items));
  return hosts;
}

Outcome<int> show_status(Context& context) {
  const std::string what = "cannot show the status";
  StatusFacts facts;
  auto ready = context.api.get_any(what, Target::plain("/readyz"));
  if (!ready) return tl::unexpected(ready.error());
  facts.is_ready = ready->status == 200;
  facts.ready = ready->json;
  auto hosts = all_hosts(context, what);
  if (!hosts) return tl::unexpected(hosts.error());
  facts.hosts = std::move(*hosts);
  auto dma = context.api.get(what, Target({"dma"}));
  if (!dma) return tl::unexpected(dma.error());
  facts.dma = dma->json;
  Target attention({"members"});
  attention.with("status", "DETACHED,DRAINING").with("limit", 100);
  auto members = context.api.get(what, attention);
  if (!members) return tl::unexpected(members.error());
  facts.members = members->json;
  facts.url = context.api.url();
  facts.now_ms = wall_now_ms();
  std::string names;
  for (const Json& host : facts.hosts["items"].items()) {
    names += (names.empty() ? "" : "\n") + host["name"].text();
  }
  print_answer(context, combined(facts), names, status_screen(facts, context.out.color()));
  return kExitDone;
}

}  // namespace

void add_status_command(std::vector<Command>& table) {
  Command status;
  status.path = "status";
  status.summary = "one screen: hosts, members, packets, metrics, what needs attention";
  status.example = "phoenix status";
  status.run = [](Context& context) { return finish(context, show_status(context)); };
  table.push_back(std::move(status));
}

}  // namespace phoenix::cli
