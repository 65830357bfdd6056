#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <thread>

#include "cli/commands/commands.h"
#include "cli/commands/listing.h"
#include "cli/context.h"
#include "cli/hosts/host_view.h"
#include "client/http_client.h"

namespace phoenix::cli {
namespace {

int list_hosts(Context& context, const ListOptions& options) {
  Listing listing;
  listing.what = "cannot list hosts";
  listing.noun = "hosts";
  listing.id_key = "name";
  listing.target = [] { return Target({"hosts"}); };
  listing.columns = host_columns();
  listing.row = [](const Json& host) { return host_row(host, wall_now_ms()); };
  listing.fingerprint = host_fingerprint;
  return run_list(context, listing, options);
}

Outcome<int> show_host(Context& context, const std::string& name) {
  auto reply = context.api.get(fmt::format("cannot show host {}", name), Target({"hosts", name}));
  if (!reply) return tl::unexpected(reply.error());
  print_answer(context, *reply, name, host_sheet(reply->json, wall_now_ms(), context.out.color()));
  return kExitDone;
}

void print_host(Context& context, const Reply& reply, const std::string& name) {
  std::string text;
  if (!context.out.quiet()) {
    text = name + "  " + colored_state(reply.json["status"].text(), context.out.color());
  }
  print_answer(context, reply, name, text);
}

Outcome<int> remove_host(Context& context, const std::string& name, bool prune) {
  Json body = Json::object();
  body.set("prune", Json::boolean(prune));
  auto reply = context.api.post(fmt::format("cannot remove host {}", name),
                                Target({"hosts", name, "remove"}), body);
  if (!reply) return tl::unexpected(reply.error());
  print_host(context, *reply, name);
  return kExitDone;
}

// The name of the host that answers.
Outcome<std::string> own_name(Context& context, const std::string& what) {
  Target target({"hosts"});
  target.with("limit", 1000);
  std::string cursor;
  for (;;) {
    Target page = target;
    if (!cursor.empty()) page.with("cursor", cursor);
    auto reply = context.api.get(what, page);
    if (!reply) return tl::unexpected(reply.error());
    for (const Json& host : reply->json["items"].items()) {
      if (host["self"].truth()) return host["name"].text();
    }
    cursor = reply->json["nextCursor"].text();
    if (cursor.empty()) break;
  }
  return tl::unexpected(Failure{kExitFailed, what, "the host does not list itself",
                                "name it: phoenix host leave HOST", ""});
}

struct LeaveOptions {
  std::vector<std::string> names;
  bool no_wait = false;
  Duration at_most = seconds(120);
};

// A caller of the other hosts of the pool, which can tell when `name` has left: it takes no new
// connections while it hands over. Nothing where there are none.
std::optional<Client> call_others(Context& context, const std::string& name) {
  Target target({"hosts"});
  target.with("limit", 1000);
  const auto reply = context.api.get("cannot list hosts", target);
  auto options = context.api.host_options();
  if (!reply || !options) return std::nullopt;
  options->urls.clear();
  for (const Json& host : reply->json["items"].items()) {
    const std::string& api = host["api"].text();
    const bool there = host["status"].text() == "ALIVE" && host["view"].text() == "in-view";
    if (!there || api.empty() || host["name"].text() == name) continue;
    options->urls.push_back(context.api.url_of(api));
  }
  if (options->urls.empty()) return std::nullopt;
  auto client = Client::create(std::move(*options));
  return client ? std::optional<Client>(std::move(*client)) : std::nullopt;
}

// What another host says of it; empty: none answers. A life after this `incarnation` is another
// one.
std::string status_elsewhere(Client& others, const std::string& name, int64_t incarnation) {
  const CallResult answer = others.get(Target({"hosts", name}).text());
  if (!answer || !answer->ok()) return {};
  const auto json = Json::parse(answer->body);
  if (!json) return {};
  const std::string& status = (*json)["status"].text();
  if (status != "ALIVE") return status;
  // Not heard of it yet, or started again already.
  return (*json)["incarnation"].integer().value_or(0) > incarnation ? "LEFT" : "LEAVING";
}

// Until the host has ended: it does not answer any more, and no other says that it is leaving.
Outcome<int> await_left(Context& context, const std::string& name, Duration at_most,
                        std::optional<Client> others, int64_t incarnation) {
  using Clock = std::chrono::steady_clock;
  const std::string what = fmt::format("host {} was told to leave", name);
  const auto end = Clock::now() + std::chrono::nanoseconds(at_most.ns);
  while (Clock::now() < end) {
    const auto reply = context.api.get_any(what, Target({"hosts", name}));
    std::string status = others ? status_elsewhere(*others, name, incarnation) : std::string();
    if (!reply && reply.error().exit_code == kExitNoHost && status.empty()) return kExitDone;
    if (status.empty() && reply && reply->status < 300) status = reply->json["status"].text();
    if (!status.empty()) {
      if (status == "FAILED") {
        return tl::unexpected(Failure{kExitFailed, what, "it ended before it had handed over",
                                      "see what became of it: phoenix host list", ""});
      }
      if (status != "LEAVING") return kExitDone;
      const std::string slots = reply ? reply->json["slots"].text() : std::string();
      if (context.out.live() && !slots.empty()) {
        fmt::print(stderr, "\r\033[K{} leaves: {} slots to hand over, {} live packets", name, slots,
                   reply->json["livePackets"].text());
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return tl::unexpected(Failure{kExitTimedOut, what, "it has not ended yet",
                                fmt::format("see how far it is: phoenix host show {}", name), ""});
}

Outcome<int> leave_host(Context& context, const LeaveOptions& options) {
  std::string name = options.names.empty() ? std::string() : options.names.front();
  if (name.empty()) {
    auto own = own_name(context, "cannot make the host leave");
    if (!own) return tl::unexpected(own.error());
    name = *own;
  }
  auto others = options.no_wait ? std::nullopt : call_others(context, name);
  auto reply = context.api.post(fmt::format("cannot make host {} leave", name),
                                Target({"hosts", name, "leave"}), Json::object());
  if (!reply) return tl::unexpected(reply.error());
  print_host(context, *reply, name);
  if (options.no_wait) return kExitDone;
  auto left = await_left(context, name, options.at_most, std::move(others),
                         reply->json["incarnation"].integer().value_or(0));
  if (context.out.live()) std::fputs("\r\033[K", stderr);
  return left;
}

void add_leave(std::vector<Command>& table) {
  const auto options = std::make_shared<LeaveOptions>();
  Command leave;
  leave.path = "host leave";
  leave.summary = "make a host leave the pool and end, as Ctrl-C does";
  leave.usage = "[HOST]";
  leave.detail =
      "Without a name: the host that answers. A host leaves only when it is told itself: give its\n"
      "address with --url. It hands over what it has first; the command ends when it has ended.";
  leave.example = "phoenix host leave";
  leave.words_name = "HOST";
  leave.words_max = 1;
  leave.words = &options->names;
  leave.flags.push_back(switch_flag("--no-wait", &options->no_wait, "do not wait until it ends"));
  leave.flags.push_back(
      duration_flag("--timeout", "2m", &options->at_most, "exit 7 when it takes longer (2m)"));
  leave.run = [options](Context& context) {
    return finish(context, leave_host(context, *options));
  };
  table.push_back(std::move(leave));
}

void add_remove(std::vector<Command>& table) {
  struct Options {
    std::vector<std::string> names;
    bool prune = false;
  };
  const auto options = std::make_shared<Options>();
  Command remove;
  remove.path = "host remove";
  remove.summary = "take failed hosts as having left: nobody looks for them any more";
  remove.usage = "HOST… [--prune]";
  remove.example = "phoenix host remove host-b --prune";
  remove.words_name = "HOST";
  remove.words_min = 1;
  remove.words_max = kManyWords;
  remove.words = &options->names;
  remove.flags.push_back(switch_flag("--prune", &options->prune, "and forget them at once"));
  remove.run = [options](Context& context) {
    return for_each_id(context, options->names, "host", [&](const std::string& name) {
      return remove_host(context, name, options->prune);
    });
  };
  table.push_back(std::move(remove));
}

}  // namespace

void add_host_commands(std::vector<Command>& table) {
  const auto list_options = std::make_shared<ListOptions>();
  Command list;
  list.path = "host list";
  list.summary = "the hosts of this pool";
  list.detail =
      "STATUS is what gossip believes. VIEW is what counts for ownership: in-view, outside,\n"
      "unstable, incompatible (another pool, ring key or store), foreign (no phoenix host),\n"
      "gateway (keeps nothing, hands calls on: phoenix serve --store none).";
  list.example = "phoenix host list -o wide";
  add_list_flags(list.flags, list_options.get());
  list.run = [list_options](Context& context) { return list_hosts(context, *list_options); };
  table.push_back(std::move(list));

  const auto names = std::make_shared<std::vector<std::string>>();
  Command show;
  show.path = "host show";
  show.summary = "the fields of a host";
  show.usage = "HOST…";
  show.example = "phoenix host show host-a";
  show.words_name = "HOST";
  show.words_min = 1;
  show.words_max = kManyWords;
  show.words = names.get();
  show.run = [names](Context& context) {
    return for_each_id(context, *names, "host",
                       [&](const std::string& name) { return show_host(context, name); });
  };
  table.push_back(std::move(show));
  add_leave(table);
  add_remove(table);
}

}  // namespace phoenix::cli
