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

// The ring is told in objects with plain fields and in lists of objects: each becomes a sheet or
// a table with the fields of its first row as columns.
std::string list_table(const Json& list, bool wide, bool color) {
  std::vector<Table::Column> columns;
  for (const auto& [key, value] : list.items().front().members()) {
    std::string title = title_of(key);
    for (char& c : title) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
    columns.push_back({title, false, value.kind() == Json::Kind::kNumber});
  }
  Table table(columns);
  for (const Json& item : list.items()) {
    std::vector<std::string> row;
    for (const auto& [key, unused] : list.items().front().members()) {
      const Json& cell = item[key];
      row.push_back(cell.is_array()    ? joined(cell)
                    : cell.is_object() ? cell.dump()
                                       : short_number(cell));
    }
    table.add(std::move(row));
  }
  return table.render(wide, color);
}

std::string ring_text(const Json& ring, bool wide, bool color) {
  Json plain = Json::object();
  std::string tables;
  for (const auto& [key, value] : ring.members()) {
    const bool rows = value.is_array() && !value.items().empty() && value.items()[0].is_object();
    if (rows) {
      tables += "\n" + bold(title_of(key), color) + "\n" + list_table(value, wide, color);
    } else {
      plain.set(key, value.is_array() ? Json::string(joined(value, ", ")) : value);
    }
  }
  return plain_sheet(plain, color) + tables;
}

struct OwnerOptions {
  std::vector<std::string> required;
  std::string salt;
  int64_t k = 8;
};

Outcome<int> ring_show(Context& context, bool points) {
  Target target({"ring"});
  if (points) target.with("vnodes", "true");
  auto reply = context.api.get("cannot show the ring", target);
  if (!reply) return tl::unexpected(reply.error());
  print_answer(context, *reply, "ring",
               ring_text(reply->json, context.out.wide(), context.out.color()));
  return kExitDone;
}

Outcome<int> ring_owner(Context& context, const OwnerOptions& options) {
  Target target({"ring", "owner"});
  target.with("requires", fmt::format("{}", fmt::join(options.required, ",")));
  if (!options.salt.empty()) target.with("salt", options.salt);
  target.with("k", options.k);
  auto reply = context.api.get("cannot ask the ring", target);
  if (!reply) return tl::unexpected(reply.error());
  print_answer(context, *reply, reply->json["owner"].text(),
               ring_text(reply->json, context.out.wide(), context.out.color()));
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

  Command ring;
  ring.path = "ring show";
  ring.summary = "members on the ring, their points and shares";
  ring.example = "phoenix ring show";
  const auto points = std::make_shared<bool>(false);
  ring.flags.push_back(switch_flag("--vnodes", points.get(), "every point too"));
  ring.run = [points](Context& context) { return finish(context, ring_show(context, *points)); };
  table.push_back(std::move(ring));

  const auto options = std::make_shared<OwnerOptions>();
  Command owner;
  owner.path = "ring owner";
  owner.summary = "who would own a packet that requires these capabilities";
  owner.usage = "--requires C,… [--salt S] [--k 8]";
  owner.example = "phoenix ring owner --requires ocr,pdf --salt invoice-17";
  Flag requires_flag =
      list_flag("--requires", "C,…", &options->required, "capabilities of the packet");
  requires_flag.required = true;
  owner.flags.push_back(std::move(requires_flag));
  owner.flags.push_back(text_flag("--salt", "S", &options->salt, "the packet's id or affinity"));
  owner.flags.push_back(
      number_flag("--k", "N", &options->k, 1, 64, "how many candidates to look at (8)"));
  owner.run = [options](Context& context) {
    return finish(context, ring_owner(context, *options));
  };
  table.push_back(std::move(owner));
}

}  // namespace phoenix::cli
