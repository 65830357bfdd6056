#include <fmt/format.h>

#include <map>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/commands/listing.h"
#include "cli/context.h"
#include "cli/packets/packet_view.h"
#include "cli/packets/packet_wait.h"

namespace phoenix::cli {
namespace {

constexpr size_t kShownContent = 400;
constexpr size_t kInspectedContent = 1024 * 1024;

struct PacketListOptions {
  ListOptions list;
  std::vector<std::string> status;
  std::string owner;
  std::vector<std::string> required;
  std::vector<std::string> labels;
};

int list_packets(Context& context, const PacketListOptions& options) {
  const bool with_namespace = context.api.name_space() == "*";
  Listing listing;
  listing.what = "cannot list packets";
  listing.noun = "packets";
  listing.ordered = true;
  listing.columns = packet_columns(with_namespace);
  listing.target = [&options] {
    Target target({"packets"});
    if (!options.status.empty()) {
      target.with("status", fmt::format("{}", fmt::join(options.status, ",")));
    }
    if (!options.owner.empty()) target.with("owner", options.owner);
    if (!options.required.empty()) {
      target.with("requires", fmt::format("{}", fmt::join(options.required, ",")));
    }
    for (const std::string& label : options.labels) target.with("label", label);
    return target;
  };
  listing.row = [with_namespace](const Json& item) {
    return packet_row(item, with_namespace, wall_now_ms());
  };
  listing.fingerprint = [](const Json& item) {
    return item["revision"].text() + item["status"].text() + packet_note(item);
  };
  return run_list(context, listing, options.list);
}

Outcome<int> show_packet(Context& context, const std::string& id, bool inspect) {
  auto reply = context.api.get(fmt::format("cannot show packet {}", id), Target({"packets", id}));
  if (!reply) return tl::unexpected(reply.error());
  std::string text;
  if (context.out.for_people()) {
    text =
        packet_sheet(reply->json, context.out.color(), inspect ? kInspectedContent : kShownContent);
  }
  if (inspect && context.out.for_people()) {
    auto history = context.api.get(fmt::format("cannot read the history of packet {}", id),
                                   Target({"packets", id, "history"}));
    if (!history) return tl::unexpected(history.error());
    const std::string rows = history_table(history->json, context.out.color());
    if (!rows.empty()) text += "\n" + bold("History", context.out.color()) + "\n" + rows;
  }
  print_answer(context, *reply, id, text);
  return kExitDone;
}

Outcome<int> explain_packet(Context& context, const std::string& id) {
  auto reply = context.api.get(fmt::format("cannot explain packet {}", id),
                               Target({"packets", id, "explain"}));
  if (!reply) return tl::unexpected(reply.error());
  print_answer(context, *reply, id, explanation(reply->json, context.out.color()));
  return kExitDone;
}

// Follows packets to their ends: each step of their histories as it is found. What the history
// does not keep (RUNNING is not durable) is shown from the packet itself.
class Watcher {
 public:
  Watcher(Context& context, std::vector<std::string> ids) : context_(context) {
    size_t widest = 0;
    for (std::string& id : ids) {
      widest = std::max(widest, id.size());
      open_.push_back({std::move(id), 0, ""});
    }
    table_.widen({24, widest, 9, 12, 5, 10});
  }

  Outcome<int> run(WaitEnd end) {
    while (!open_.empty()) {
      // The first open packet is waited for at the host; that paces the looks at all of them.
      for (size_t i = 0; i < open_.size();) {
        auto ended = look(open_[i], i == 0 && started_);
        if (!ended && ended.error().exit_code == kExitNoHost) {
          return tl::unexpected(ended.error());
        }
        if (!ended) exit_code_ = context_.out.report(ended.error());
        if (!ended || *ended) {
          open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(i));
        } else {
          ++i;
        }
      }
      started_ = true;
      if (!context_.out.finish()) return kExitFailed;
      if (!open_.empty() && end && std::chrono::steady_clock::now() >= *end) {
        return tl::unexpected(
            Failure{kExitTimedOut, fmt::format("{} of them not ended in time", open_.size()),
                    fmt::format("packet {} is {}", open_[0].id, open_[0].status), "", ""});
      }
    }
    return exit_code_;
  }

 private:
  struct Watched {
    std::string id;
    int64_t revision;  // of the last step shown
    std::string status;
  };

  Outcome<bool> look(Watched& packet, bool wait) {
    const std::string what = fmt::format("cannot watch packet {}", packet.id);
    auto reply =
        context_.api.get(what, Target({"packets", packet.id}), milliseconds(wait ? 1000 : 0));
    if (!reply) return tl::unexpected(reply.error());
    const Json& now = reply->json;
    const int64_t revision = now["revision"].integer().value_or(0);
    const bool ended = packet_ended(now);
    if (revision == packet.revision && now["status"].text() == packet.status) return ended;
    if (context_.out.for_people()) {
      auto history = context_.api.get(what, Target({"packets", packet.id, "history"}));
      if (!history) return tl::unexpected(history.error());
      show_steps(packet, history->json, now);
    } else {
      print_answer(context_, one_line(*reply), packet.id, "");
    }
    packet.revision = revision;
    packet.status = now["status"].text();
    if (ended && packet.status != "COMPLETED") {
      exit_code_ = kExitFailed;
      if (context_.out.live()) context_.out.remark(packet_note(now));
    }
    return ended;
  }

  static Reply one_line(Reply reply) {
    reply.body = reply.json.dump();
    return reply;
  }

  // Every step of the history that is new; and the state itself, where the last step does not
  // say it.
  void show_steps(const Watched& packet, const Json& history, const Json& now) {
    for (const Json& step : history["items"].items()) {
      if (step["revision"].integer().value_or(0) <= packet.revision) continue;
      const bool newest = step["revision"].text() == now["revision"].text();
      show({step["at"].text(), packet.id, newest ? now["status"].text() : "", step["owner"].text(),
            step["epoch"].text(), step["event"].text(), step["reason"].text()});
      if (newest) return;
    }
    show({now["updatedAt"].text(), packet.id, now["status"].text(), now["owner"].text(),
          now["epoch"].text(), "", packet_note(now)});
  }

  void show(std::vector<std::string> cells) {
    table_.clear();
    table_.add(std::move(cells));
    context_.out.print(table_.render(false, context_.out.color(), std::exchange(header_, false)));
  }

  Context& context_;
  std::vector<Watched> open_;
  Table table_{
      {{"AT"}, {"PACKET"}, {"STATUS"}, {"OWNER"}, {"EPOCH", false, true}, {"EVENT"}, {"NOTE"}}};
  bool header_ = true;
  bool started_ = false;
  int exit_code_ = kExitDone;
};

struct IdsOptions {
  std::vector<std::string> ids;
  WaitFlag wait;
};

Command ids_command(const std::string& path, const std::shared_ptr<IdsOptions>& options) {
  Command command;
  command.path = path;
  command.usage = "PACKET…";
  command.words_name = "PACKET";
  command.words_min = 1;
  command.words_max = kManyWords;
  command.words = &options->ids;
  return command;
}

int results(Context& context, const IdsOptions& options) {
  const WaitEnd end = wait_end(options.wait);
  const bool many = options.ids.size() > 1 || options.ids[0] == "-";
  return for_each_id(context, options.ids, "packet", [&](const std::string& id) -> Outcome<int> {
    if (options.wait.wait) {
      auto packet = wait_for_packet(context, id, end);
      if (!packet) return tl::unexpected(packet.error());
    }
    return print_result(context, id, many);
  });
}

int watch_packets(Context& context, const IdsOptions& options) {
  auto ids = expand_ids(options.ids, "packet");
  if (!ids) return context.out.report(ids.error());
  return finish(context, Watcher(context, std::move(*ids)).run(wait_end(options.wait)));
}

void add_list(std::vector<Command>& table) {
  const auto options = std::make_shared<PacketListOptions>();
  Command command;
  command.path = "packet list";
  command.summary = "the newest packets, newest last";
  command.usage = "[--status S,…] [--owner M] [flags]";
  command.example =
      "phoenix packet list --status FAILED -o name | phoenix packet retry -\n"
      "phoenix packet list --requires ocr --watch";
  command.flags.push_back(list_flag("--status", "S,…", &options->status,
                                    "PENDING ASSIGNED RUNNING COMPLETED FAILED CANCELED EXPIRED"));
  command.flags.push_back(text_flag("--owner", "MEMBER", &options->owner, "held by that member"));
  command.flags.push_back(
      list_flag("--requires", "C,…", &options->required, "requiring these capabilities"));
  command.flags.push_back(texts_flag("--label", "K=V", &options->labels, "with that label"));
  add_list_flags(command.flags, &options->list);
  command.run = [options](Context& context) { return list_packets(context, *options); };
  table.push_back(std::move(command));
}

void add_shows(std::vector<Command>& table) {
  for (const bool inspect : {false, true}) {
    const auto options = std::make_shared<IdsOptions>();
    Command command = ids_command(inspect ? "inspect" : "packet show", options);
    command.summary =
        inspect ? "all of a packet: fields, contents, history" : "the fields of a packet";
    command.example = inspect ? "phoenix inspect invoice-17" : "phoenix packet show invoice-17";
    command.run = [options, inspect](Context& context) {
      return for_each_id(context, options->ids, "packet",
                         [&](const std::string& id) { return show_packet(context, id, inspect); });
    };
    table.push_back(std::move(command));
  }
}

}  // namespace

void add_packet_reads(std::vector<Command>& table) {
  add_list(table);
  add_shows(table);

  auto options = std::make_shared<IdsOptions>();
  Command watch = ids_command("packet watch", options);
  watch.summary = "follow packets until all have ended";
  watch.usage = "PACKET… [--timeout 5m]";
  watch.detail = "Exit 0 if all ended COMPLETED, 1 if one did not, 7 if the time ran out.";
  watch.example = "phoenix packet watch invoice-17 --timeout 5m";
  Flag timeout = wait_flag(&options->wait, "give up after this time; exit 7");
  timeout.name = "--timeout";
  timeout.value = "5m";
  timeout.optional_value = false;
  watch.flags.push_back(std::move(timeout));
  watch.run = [options](Context& context) { return watch_packets(context, *options); };
  table.push_back(std::move(watch));

  options = std::make_shared<IdsOptions>();
  Command explain = ids_command("packet explain", options);
  explain.summary = "why a packet is where it is";
  explain.example = "phoenix packet explain invoice-17";
  explain.run = [options](Context& context) {
    return for_each_id(context, options->ids, "packet",
                       [&](const std::string& id) { return explain_packet(context, id); });
  };
  table.push_back(std::move(explain));

  options = std::make_shared<IdsOptions>();
  Command result = ids_command("packet result", options);
  result.summary = "the result of a packet, the bytes alone";
  result.usage = "PACKET… [--wait[=30s]]";
  result.example = "phoenix packet result invoice-17 --wait > invoice-17.json";
  result.flags.push_back(wait_flag(&options->wait, "wait for the end first; exit 7 if too long"));
  result.run = [options](Context& context) { return results(context, *options); };
  table.push_back(std::move(result));
}

}  // namespace phoenix::cli
