// What waits for somebody's word at a host: listed, shown, decided.

#include <fmt/format.h>

#include <memory>

#include "cli/context.h"
#include "cli/policy/policy_commands.h"
#include "cli/table.h"

namespace phoenix::cli {
namespace {

Outcome<int> list(Context& context, bool all) {
  Target target({"approvals"});
  if (!all) target.with("state", "pending");
  const auto reply = context.api.get("cannot list the approvals", target);
  if (!reply) return tl::unexpected(reply.error());
  if (context.out.format() == Format::kName) {
    for (const Json& item : reply->json["items"].items()) {
      context.out.print_line(item["name"].text());
    }
    return kExitDone;
  }
  Table table({{"NAME"}, {"STATE"}, {"OF"}, {"ASKED BY RULE"}, {"ROLE"}, {"EXPIRES"}});
  for (const Json& item : reply->json["items"].items()) {
    const Json& spec = item["spec"];
    const std::string packet = spec["packet"].text();
    table.add({item["name"].text(), spec["state"].text(),
               packet.empty() ? "member " + spec["member"].text() : packet,
               harmless(spec["policy"].text() + "/" + spec["rule"].text()),
               harmless(spec["role"].text()), spec["expiresAt"].text()});
  }
  const std::string text = table.empty() ? "nothing waits for an approval\n"
                                         : table.render(context.out.wide(), context.out.color());
  print_answer(context, *reply, "", text);
  return kExitDone;
}

std::string sheet(const Json& document) {
  std::string text = fmt::format("name  {}\n", document["name"].text());
  for (const auto& [key, value] : document["spec"].members()) {
    text += fmt::format("{}  {}\n", key, harmless(value.text()));
  }
  return text;
}

Outcome<int> show(Context& context, const std::string& name) {
  const auto reply =
      context.api.get("cannot show the approval " + name, Target({"approvals", name}));
  if (!reply) return tl::unexpected(reply.error());
  print_answer(context, *reply, name, sheet(reply->json));
  return kExitDone;
}

Outcome<int> decide(Context& context, const std::string& name, const std::string& reason,
                    const std::string& verb) {
  Json body = Json::object();
  if (!reason.empty()) body.set("reason", Json::string(reason));
  const auto reply = context.api.post(fmt::format("cannot {} {}", verb, name),
                                      Target({"approvals", name, verb}), body);
  if (!reply) return tl::unexpected(reply.error());
  print_answer(context, *reply, name,
               fmt::format("{} {}\n", name, reply->json["spec"]["state"].text()));
  return kExitDone;
}

struct ApprovalLine {
  std::vector<std::string> words;
  std::string reason;
  bool all = false;
};

Command of_one(const std::string& path, const std::shared_ptr<ApprovalLine>& line) {
  Command command;
  command.path = path;
  command.usage = "NAME";
  command.words_name = "NAME";
  command.words_min = command.words_max = 1;
  command.words = &line->words;
  return command;
}

void add_decision(std::vector<Command>& table, const std::string& verb,
                  const std::string& summary) {
  const auto line = std::make_shared<ApprovalLine>();
  Command command = of_one("approval " + verb, line);
  command.summary = summary;
  command.usage = "NAME [--reason TEXT]";
  command.detail =
      "With a token of the role approver that is bound to a member of kind human (`human` in the\n"
      "host's --auth-file), which has the role that the rule names as a capability. Nobody "
      "decides\n"
      "what they have asked for, give or receive.";
  command.example =
      "phoenix approval " + verb + " a-0123456789abcdef --reason \"checked by phone\"";
  command.flags.push_back(text_flag("--reason", "TEXT", &line->reason, "why, for the record"));
  command.run = [line, verb](Context& context) {
    return finish(context, decide(context, line->words.front(), line->reason, verb));
  };
  table.push_back(std::move(command));
}

}  // namespace

void add_approval_commands(std::vector<Command>& table) {
  const auto listed = std::make_shared<ApprovalLine>();
  Command list_them;
  list_them.path = "approval list";
  list_them.summary = "what waits for somebody's approval";
  list_them.example = "phoenix approval list";
  list_them.flags.push_back(
      switch_flag("--all", &listed->all, "those that were decided within a day too"));
  list_them.run = [listed](Context& context) {
    return finish(context, list(context, listed->all));
  };
  table.push_back(std::move(list_them));

  const auto shown = std::make_shared<ApprovalLine>();
  Command show_it = of_one("approval show", shown);
  show_it.summary = "one approval: of which packet or member, by which rule, and what was said";
  show_it.example = "phoenix approval show a-0123456789abcdef";
  show_it.run = [shown](Context& context) {
    return finish(context, show(context, shown->words.front()));
  };
  table.push_back(std::move(show_it));

  add_decision(table, "approve", "let what waits for an approval happen");
  add_decision(table, "reject", "refuse what waits for an approval");
}

}  // namespace phoenix::cli
