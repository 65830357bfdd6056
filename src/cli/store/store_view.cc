#include "cli/store/store_view.h"

#include <fmt/format.h>

#include "cli/table.h"
#include "ring/point.h"

namespace phoenix::cli {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

std::string system_of(const EngineIdentity& identity) {
  return fmt::format("{:016x}", identity.system_id);
}

Json named_or_null(const std::string& text) { return text.empty() ? Json() : Json::string(text); }

void set_engine(Json& document, const postgres::ServerPromise& promise) {
  document.set("engine", Json::string("postgres"))
      .set("version", Json::string(promise.version))
      .set("survives", Json::string(promise.survives))
      .set("systemId", Json::string(system_of(promise.identity)))
      .set("timeline", Json::number(promise.identity.timeline));
}

void add_engine(Fields& fields, const postgres::ServerPromise& promise) {
  fields.emplace_back("Engine", "PostgreSQL " + harmless(promise.version));
  fields.emplace_back("Survives", harmless(promise.survives));
  fields.emplace_back("System", fmt::format("{}, timeline {}", system_of(promise.identity),
                                            promise.identity.timeline));
}

std::string heard_for_people(const CheckedHost& host) {
  const int64_t ms = host.heard.ms();
  return ms < 10'000 ? fmt::format("{}.{} s ago", ms / 1000, ms / 100 % 10)
                     : fmt::format("{} s ago", ms / 1000);
}

std::string hosts_table(const std::vector<CheckedHost>& hosts) {
  Table table({{"HOST"}, {"LIFE"}, {"HEARD", false, true}, {"STATE"}});
  for (const CheckedHost& host : hosts) {
    table.add({harmless(host.who.host), fmt::format("{:016x}", host.who.life),
               heard_for_people(host), host.fenced ? "fenced" : "in-view"});
  }
  return table.render(false, false);
}

}  // namespace

Json made_document(const PoolMade& made) {
  Json document = Json::object();
  document.set("pool", Json::string(made.facts.pool))
      .set("store", Json::string(made.facts.store))
      .set("created", Json::boolean(made.made));
  set_engine(document, made.promise);
  return document;
}

std::string made_sheet(const PoolMade& made, bool color) {
  Fields fields = {{"Pool", made.facts.pool},
                   {"Store", made.facts.store},
                   {"Schema", made.made ? "made" : "stood already"}};
  add_engine(fields, made.promise);
  return render_sheet(fields, color);
}

Json check_document(const PoolCheck& check) {
  Json document = Json::object();
  document.set("ok", Json::boolean(check.problems.empty()));
  set_engine(document, check.promise);
  Json layout = Json::object();
  layout.set("minimum", Json::number(check.versions.minimum))
      .set("maximum", Json::number(check.versions.maximum))
      .set("program", Json::number(postgres::kSchemaVersion));
  document.set("layout", std::move(layout))
      .set("pool", named_or_null(check.pool))
      .set("store", named_or_null(check.store))
      .set("view", Json::number(static_cast<int64_t>(check.view_number)))
      .set("livePackets", Json::number(static_cast<int64_t>(check.live_packets)));
  Json slots = Json::object();
  slots.set("held", Json::number(check.slots_held))
      .set("withoutHolder", Json::number(check.slots_without_holder));
  document.set("slots", std::move(slots));
  Json hosts = Json::array();
  for (const CheckedHost& host : check.hosts) {
    Json row = Json::object();
    row.set("name", Json::string(host.who.host))
        .set("life", Json::string(fmt::format("{:016x}", host.who.life)))
        .set("heardMsAgo", Json::number(host.heard.ms()))
        .set("fenced", Json::boolean(host.fenced));
    hosts.push(std::move(row));
  }
  document.set("hosts", std::move(hosts));
  document.set("problems", Json::strings(check.problems));
  return document;
}

std::string check_sheet(const PoolCheck& check, bool color) {
  Fields fields;
  add_engine(fields, check.promise);
  if (check.versions.exists()) {
    fields.emplace_back(
        "Layout", fmt::format("{}, for programs from {}; this one has {}", check.versions.maximum,
                              check.versions.minimum, postgres::kSchemaVersion));
  }
  if (!check.pool.empty()) {
    fields.emplace_back("Pool", harmless(check.pool));
    fields.emplace_back("Store", harmless(check.store));
    fields.emplace_back("View", fmt::format("number {}", check.view_number));
    fields.emplace_back("Packets", fmt::format("{} live", check.live_packets));
    fields.emplace_back("Slots", fmt::format("{} of {} held", check.slots_held, kSlots));
  }
  std::string text = render_sheet(fields, color);
  if (!check.hosts.empty()) text += "\n" + hosts_table(check.hosts);
  if (!check.problems.empty()) text += "\n";
  for (const std::string& problem : check.problems) text += "! " + harmless(problem) + "\n";
  return text;
}

}  // namespace phoenix::cli
