#include <fmt/format.h>

#include <memory>

#include "cli/commands/commands.h"
#include "cli/commands/listing.h"
#include "cli/context.h"

namespace phoenix::cli {
namespace {

// Every host that can be listed is alive; what counts is whether it takes work.
std::string host_status(const Json& host) { return host["ready"].truth() ? "ready" : "not ready"; }

int list_hosts(Context& context, const ListOptions& options) {
  Listing listing;
  listing.what = "cannot list hosts";
  listing.noun = "hosts";
  listing.id_key = "name";
  listing.target = [] { return Target({"hosts"}); };
  listing.columns = {{"HOST"},
                     {"STATUS"},
                     {"API"},
                     {"WEIGHT", false, true},
                     {"VERSION"},
                     {"UP", false, true},
                     {"INCARNATION", true, true}};
  listing.row = [](const Json& host) {
    return std::vector<std::string>{
        host["name"].text(),       host_status(host),
        host["api"].text(),        host["weight"].text(),
        host["version"].text(),    age(host["startedAt"].text(), wall_now_ms()),
        host["incarnation"].text()};
  };
  listing.fingerprint = [](const Json& host) {
    return host_status(host) + "/" + host["incarnation"].text();
  };
  return run_list(context, listing, options);
}

// "membersActive" -> "Members active": what a field is called where no better name is known.
std::string title_of(const std::string& key) {
  std::string title;
  for (char c : key) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper) title.push_back(' ');
    const char lower = static_cast<char>(upper ? c + 32 : c);
    title.push_back(title.empty() && lower >= 'a' && lower <= 'z' ? static_cast<char>(lower - 32)
                                                                  : lower);
  }
  return title;
}

std::string plain_sheet(const Json& object, bool color) {
  std::vector<std::pair<std::string, std::string>> fields;
  for (const auto& [key, value] : object.members()) {
    if (value.is_null()) continue;
    std::string text = value.is_array() || value.is_object() ? value.dump() : value.text();
    if (key == "status") {
      fields.emplace_back("Status", colored_state(text, color));
    } else {
      fields.emplace_back(title_of(key), harmless(text));
    }
  }
  return render_sheet(fields, color);
}

Outcome<int> show_host(Context& context, const std::string& name) {
  auto reply = context.api.get(fmt::format("cannot show host {}", name), Target({"hosts", name}));
  if (!reply) return tl::unexpected(reply.error());
  print_answer(context, *reply, name, plain_sheet(reply->json, context.out.color()));
  return kExitDone;
}

}  // namespace

void add_host_commands(std::vector<Command>& table) {
  const auto list_options = std::make_shared<ListOptions>();
  Command list;
  list.path = "host list";
  list.summary = "the hosts of this pool";
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
}

}  // namespace phoenix::cli
