#include "cli/commands/listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>

namespace phoenix::cli {
namespace {

constexpr int64_t kMaxPage = 1000;
constexpr int64_t kMaxLimit = 1'000'000;

struct Fetched {
  std::vector<Json> items;  // oldest first where the host orders them
  Json as_of;
  Json next_cursor;
};

Outcome<Fetched> fetch(Context& context, const Listing& listing, const ListOptions& options) {
  Fetched fetched;
  const int64_t wanted = options.all ? INT64_MAX : options.limit;
  do {
    const int64_t left = wanted - static_cast<int64_t>(fetched.items.size());
    Target target = listing.target();
    target.with("limit", std::min(kMaxPage, left));
    if (listing.ordered) target.with("order", options.all ? "asc" : "desc");
    if (!fetched.next_cursor.is_null()) target.with("cursor", fetched.next_cursor.text());
    auto reply = context.api.get(listing.what, target);
    if (!reply) return tl::unexpected(reply.error());
    if (fetched.as_of.is_null()) fetched.as_of = reply->json["asOf"];
    for (const Json& item : reply->json["items"].items()) fetched.items.push_back(item);
    fetched.next_cursor = reply->json["nextCursor"];
  } while (!fetched.next_cursor.is_null() && static_cast<int64_t>(fetched.items.size()) < wanted);
  if (listing.ordered && !options.all) std::reverse(fetched.items.begin(), fetched.items.end());
  return fetched;
}

Json document_of(const Fetched& fetched) {
  Json items = Json::array();
  for (const Json& item : fetched.items) items.push(item);
  Json document = Json::object();
  document.set("items", std::move(items));
  if (!fetched.next_cursor.is_null()) document.set("nextCursor", fetched.next_cursor);
  if (!fetched.as_of.is_null()) document.set("asOf", fetched.as_of);
  return document;
}

void print_all(Context& context, const Listing& listing, const Fetched& fetched) {
  switch (context.out.format()) {
    case Format::kJson:
      context.out.print_line(document_of(fetched).dump());
      return;
    case Format::kYaml:
      context.out.print(document_of(fetched).dump_yaml());
      return;
    case Format::kName:
      for (const Json& item : fetched.items) context.out.print_line(item[listing.id_key].text());
      return;
    case Format::kTable:
    case Format::kWide:
      break;
  }
  if (fetched.items.empty()) {
    context.out.remark(fmt::format("no {}", listing.noun));
    return;
  }
  Table table(listing.columns);
  for (const Json& item : fetched.items) table.add(listing.row(item));
  context.out.print(table.render(context.out.wide(), context.out.color()));
  if (!fetched.next_cursor.is_null() && context.out.live()) {
    context.out.remark(fmt::format("there are more {}: --limit N, or --all", listing.noun));
  }
}

void print_changed(Context& context, const Listing& listing, const std::vector<Json>& changed,
                   Table& table, bool first) {
  table.clear();
  for (const Json& item : changed) {
    switch (context.out.format()) {
      case Format::kJson:
        context.out.print_line(item.dump());
        break;
      case Format::kYaml:
        context.out.print("---\n" + item.dump_yaml());
        break;
      case Format::kName:
        context.out.print_line(item[listing.id_key].text());
        break;
      case Format::kTable:
      case Format::kWide:
        table.add(listing.row(item));
    }
  }
  if (context.out.for_people() && (first || !table.empty())) {
    context.out.print(table.render(context.out.wide(), context.out.color(), first));
  }
}

// Ends only by Ctrl-C or a failure. What fell out of the window is forgotten, so the memory is
// bounded by the window.
int watch(Context& context, const Listing& listing, const ListOptions& options) {
  std::map<std::string, std::string> seen;
  Table table(listing.columns);
  bool first = true;
  while (true) {
    const auto fetched = fetch(context, listing, options);
    if (!fetched) return context.out.report(fetched.error());
    std::map<std::string, std::string> present;
    std::vector<Json> changed;
    for (const Json& item : fetched->items) {
      const std::string key = item["namespace"].text() + "/" + item[listing.id_key].text();
      const std::string fingerprint = listing.fingerprint(item);
      const auto before = seen.find(key);
      if (before == seen.end() || before->second != fingerprint) changed.push_back(item);
      present.emplace(key, fingerprint);
    }
    seen = std::move(present);
    print_changed(context, listing, changed, table, std::exchange(first, false));
    if (!context.out.finish()) return kExitFailed;
    // The host offers no wait on a list; this pace is the price of looking again.
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

}  // namespace

void add_list_flags(std::vector<Flag>& flags, ListOptions* options) {
  flags.push_back(number_flag("--limit", "N", &options->limit, 1, kMaxLimit,
                              "at most so many, the newest (100)"));
  flags.push_back(switch_flag("--all", &options->all, "all there are, page by page"));
  flags.push_back(switch_flag("--watch", &options->watch, "go on and show what changes"));
}

int run_list(Context& context, const Listing& listing, const ListOptions& options) {
  if (options.watch) return watch(context, listing, options);
  const auto fetched = fetch(context, listing, options);
  if (!fetched) return context.out.report(fetched.error());
  print_all(context, listing, *fetched);
  return kExitDone;
}

}  // namespace phoenix::cli
