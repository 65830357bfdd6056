#include <fmt/format.h>

#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/line/values.h"
#include "cli/packets/packet_document.h"
#include "cli/packets/packet_view.h"
#include "cli/table.h"

namespace phoenix::cli {
namespace {

// "pkt_1  RUNNING  ocr-1  epoch 2": what a change left behind, on one line.
std::string outcome_line(const std::string& id, const Json& answer, bool color) {
  std::string line = id;
  const std::string& status = answer["status"].text();
  if (!status.empty()) line += "  " + colored_state(status, color);
  if (!answer["owner"].text().empty()) line += "  " + harmless(answer["owner"].text());
  if (!answer["epoch"].text().empty()) line += "  epoch " + answer["epoch"].text();
  const std::string note = packet_note(answer);
  if (!note.empty()) line += "  " + harmless(note);
  return line;
}

// "cannot cancel packet pkt_1"
std::string failing(const std::string& verb, const std::string& id) {
  return fmt::format("cannot {} packet {}", verb == "handoff" ? "hand off" : verb, id);
}

Outcome<int> change(Context& context, const std::string& verb, const std::string& id,
                    const Json& body) {
  auto reply = context.api.post(failing(verb, id), Target({"packets", id, verb}), body);
  if (!reply) return tl::unexpected(reply.error());
  std::string text;
  if (!context.out.quiet()) text = outcome_line(id, reply->json, context.out.color());
  print_answer(context, *reply, id, text);
  return kExitDone;
}

// What is so already is no failure: the ring may have chosen at once, and whom it was to be.
Outcome<int> assign_one(Context& context, const std::string& id, const std::string& to) {
  Json body = Json::object();
  if (!to.empty()) body.set("to", Json::string(to));
  const auto done = change(context, "assign", id, body);
  if (done || done.error().exit_code == kExitNoHost) return done;
  const auto there = context.api.get(failing("assign", id), Target({"packets", id}));
  if (!there || packet_ended(there->json)) return done;
  const std::string& owner = there->json["owner"].text();
  if (owner.empty() || (!to.empty() && owner != to)) return done;
  print_answer(context, *there, id,
               context.out.quiet() ? "" : outcome_line(id, there->json, context.out.color()));
  return kExitDone;
}

struct ChangeOptions {
  std::vector<std::string> ids;
  std::string reason;
  std::string to;
};

Command ids_command(const std::string& path, std::vector<std::string>* ids) {
  Command command;
  command.path = path;
  command.usage = "PACKET…";
  command.words_name = "PACKET";
  command.words_min = 1;
  command.words_max = kManyWords;
  command.words = ids;
  return command;
}

void add_client_changes(std::vector<Command>& table) {
  auto options = std::make_shared<ChangeOptions>();
  Command cancel = ids_command("packet cancel", &options->ids);
  cancel.summary = "end packets now; their owners are told";
  cancel.usage = "PACKET… [--reason R]";
  cancel.example = "phoenix packet cancel invoice-17 --reason 'sent twice'";
  cancel.flags.push_back(text_flag("--reason", "R", &options->reason, "kept in the history"));
  cancel.run = [options](Context& context) {
    Json body = Json::object();
    if (!options->reason.empty()) body.set("reason", Json::string(options->reason));
    return for_each_id(context, options->ids, "packet",
                       [&](const std::string& id) { return change(context, "cancel", id, body); });
  };
  table.push_back(std::move(cancel));

  options = std::make_shared<ChangeOptions>();
  Command retry = ids_command("packet retry", &options->ids);
  retry.summary = "put FAILED, EXPIRED or CANCELED packets back to PENDING";
  retry.example =
      "phoenix packet retry invoice-17\n"
      "phoenix packet list --status FAILED -o name | phoenix packet retry -";
  retry.run = [options](Context& context) {
    return for_each_id(context, options->ids, "packet", [&](const std::string& id) {
      return change(context, "retry", id, Json::object());
    });
  };
  table.push_back(std::move(retry));

  options = std::make_shared<ChangeOptions>();
  Command assign = ids_command("assign", &options->ids);
  assign.summary = "name the owner of packets; without --to the ring chooses";
  assign.usage = "PACKET… [--to MEMBER]";
  assign.example = "phoenix assign invoice-17 --to anna";
  assign.flags.push_back(text_flag("--to", "MEMBER", &options->to, "the owner to be"));
  assign.run = [options](Context& context) {
    return for_each_id(context, options->ids, "packet",
                       [&](const std::string& id) { return assign_one(context, id, options->to); });
  };
  table.push_back(std::move(assign));
}

// A call that only the packet's owner may make, made for a member that is driven by hand.
struct OwnerOptions {
  std::vector<std::string> ids;
  std::string as;
  std::optional<int64_t> epoch;
  std::optional<std::string> checkpoint;
  std::optional<std::string> result;
  std::optional<std::string> context;
  bool raw = false;
  std::string message;
  std::string code;
  bool no_retry = false;
  std::optional<Duration> retry_after;
  std::string to;
  std::vector<std::string> required;
  std::string reason;
  std::vector<std::string> scopes;
};

using Fill = std::function<Outcome<int>(const OwnerOptions& options, Json& body)>;

// The epoch that the caller did not give is the present one: right for a person who has just
// looked, and still refused if the packet belongs to somebody else. Likewise a handoff that names
// no giver means the present owner. Without --as elsewhere, the token is the member's own.
Outcome<int> owner_call(Context& context, const OwnerOptions& options, const std::string& verb,
                        const std::string& id, const Json& content) {
  std::string as = options.as;
  std::optional<int64_t> epoch = options.epoch;
  if (!epoch || (as.empty() && verb == "handoff")) {
    auto packet = context.api.get(failing(verb, id), Target({"packets", id}));
    if (!packet) return tl::unexpected(packet.error());
    if (!epoch) epoch = packet->json["epoch"].integer();
    if (as.empty() && verb == "handoff") as = packet->json["owner"].text();
  }
  Json body = content;
  body.set("epoch", Json::number(epoch.value_or(0)));
  if (!as.empty()) body.set("as", Json::string(as));
  return change(context, verb, id, body);
}

Outcome<int> fill_nothing(const OwnerOptions&, Json&) { return kExitDone; }

Outcome<int> fill_checkpoint(const OwnerOptions& options, Json& body) {
  if (!options.checkpoint) {
    return tl::unexpected(wrong_use("--checkpoint JSON|@FILE|- is missing", "it is what is saved"));
  }
  return set_content(body, "checkpoint", *options.checkpoint, options.raw);
}

Outcome<int> fill_result(const OwnerOptions& options, Json& body) {
  return set_content(body, "result", options.result.value_or("null"), options.raw);
}

void set_retry_after(const OwnerOptions& options, Json& body) {
  if (options.retry_after) body.set("retryAfterMs", Json::number(options.retry_after->ms()));
}

Outcome<int> fill_failure(const OwnerOptions& options, Json& body) {
  Json error = Json::object();
  error.set("message", Json::string(options.message));
  if (!options.code.empty()) error.set("code", Json::string(options.code));
  body.set("error", std::move(error));
  if (options.no_retry) body.set("retry", Json::boolean(false));
  set_retry_after(options, body);
  return kExitDone;
}

Outcome<int> fill_release(const OwnerOptions& options, Json& body) {
  set_retry_after(options, body);
  return kExitDone;
}

Outcome<int> fill_handoff(const OwnerOptions& options, Json& body) {
  if (options.to.empty() == options.required.empty()) {
    return tl::unexpected(wrong_use("handoff takes --to MEMBER or --requires C,…",
                                    "one of the two says who is next",
                                    "for example: phoenix handoff invoice-17 --to bob"));
  }
  if (!options.to.empty()) body.set("to", Json::string(options.to));
  if (!options.required.empty()) {
    body.set("requiredCapabilities", Json::strings(options.required));
  }
  if (!options.reason.empty()) body.set("reason", Json::string(options.reason));
  if (!options.scopes.empty()) body.set("scopes", Json::strings(options.scopes));
  if (options.context) return set_content(body, "context", *options.context, options.raw);
  return kExitDone;
}

Command owner_command(const std::string& path, const std::string& verb,
                      const std::shared_ptr<OwnerOptions>& options, Fill fill) {
  Command command = ids_command(path, &options->ids);
  const bool handoff = verb == "handoff";
  command.flags.push_back(text_flag(handoff ? "--from" : "--as", "MEMBER", &options->as,
                                    handoff ? "the owner that hands on (default: the present one)"
                                            : "the member, driven by hand, that owns the packet"));
  command.flags.push_back(optional_number_flag("--epoch", "N", &options->epoch, 0, INT64_MAX,
                                               "the ownership meant (default: the present one)"));
  command.run = [=](Context& context) {
    if (!handoff && options->as.empty() && !context.api.has_token()) {
      return context.out.report(
          wrong_use("--as MEMBER is missing", "only the owner of a packet may do this",
                    fmt::format("for example: phoenix packet {} invoice-17 --as anna", verb)));
    }
    Json content = Json::object();
    auto filled = fill(*options, content);
    if (!filled) return context.out.report(filled.error());
    return for_each_id(context, options->ids, "packet", [&](const std::string& id) {
      return owner_call(context, *options, verb, id, content);
    });
  };
  return command;
}

Flag raw_flag(OwnerOptions* options) {
  return switch_flag("--raw", &options->raw, "the content is bytes, not JSON");
}

void add_owner_changes(std::vector<Command>& table) {
  auto options = std::make_shared<OwnerOptions>();
  Command start = owner_command("packet start", "start", options, fill_nothing);
  start.summary = "say that work on it has begun";
  start.usage = "PACKET… --as MEMBER";
  start.example = "phoenix packet start invoice-17 --as anna";
  table.push_back(std::move(start));

  options = std::make_shared<OwnerOptions>();
  Command checkpoint = owner_command("packet checkpoint", "checkpoint", options, fill_checkpoint);
  checkpoint.summary = "save what a later owner is to go on from";
  checkpoint.usage = "PACKET --as MEMBER --checkpoint JSON|@FILE|-";
  checkpoint.example = "phoenix packet checkpoint invoice-17 --as anna --checkpoint '{\"page\":3}'";
  checkpoint.flags.push_back(optional_text_flag("--checkpoint", "JSON|@FILE|-",
                                                &options->checkpoint, "replaces the last one"));
  checkpoint.flags.push_back(raw_flag(options.get()));
  table.push_back(std::move(checkpoint));

  options = std::make_shared<OwnerOptions>();
  Command complete = owner_command("packet complete", "complete", options, fill_result);
  complete.summary = "end it with a result";
  complete.usage = "PACKET… --as MEMBER [--result JSON|@FILE|-]";
  complete.example = "phoenix packet complete invoice-17 --as anna --result '{\"total\":42}'";
  complete.flags.push_back(
      optional_text_flag("--result", "JSON|@FILE|-", &options->result, "the result (null)"));
  complete.flags.push_back(raw_flag(options.get()));
  table.push_back(std::move(complete));

  options = std::make_shared<OwnerOptions>();
  options->message = "failed by hand";
  Command failed = owner_command("packet fail", "fail", options, fill_failure);
  failed.summary = "end this attempt; it is tried again unless told otherwise";
  failed.usage = "PACKET… --as MEMBER [--message M] [--no-retry]";
  failed.example = "phoenix packet fail invoice-17 --as anna --message 'page 3 is blank'";
  failed.flags.push_back(text_flag("--message", "M", &options->message, "what went wrong"));
  failed.flags.push_back(text_flag("--code", "C", &options->code, "the same for programs"));
  failed.flags.push_back(switch_flag("--no-retry", &options->no_retry, "FAILED at once"));
  failed.flags.push_back(
      optional_duration_flag("--retry-after", "10s", &options->retry_after, "not again before"));
  table.push_back(std::move(failed));

  options = std::make_shared<OwnerOptions>();
  Command release = owner_command("packet release", "release", options, fill_release);
  release.summary = "give it back, uncharged";
  release.usage = "PACKET… --as MEMBER";
  release.example = "phoenix packet release invoice-17 --as anna";
  release.flags.push_back(optional_duration_flag("--retry-after", "10s", &options->retry_after,
                                                 "not again before (1s)"));
  table.push_back(std::move(release));
}

}  // namespace

void add_packet_changes(std::vector<Command>& table) {
  add_client_changes(table);
  add_owner_changes(table);

  const auto options = std::make_shared<OwnerOptions>();
  Command handoff = owner_command("handoff", "handoff", options, fill_handoff);
  handoff.summary = "hand a packet from its owner to another member";
  handoff.usage = "PACKET… --to MEMBER [--from MEMBER] [--reason R]";
  handoff.example = "phoenix handoff invoice-17 --from anna --to bob --reason 'needs a lawyer'";
  handoff.flags.push_back(text_flag("--to", "MEMBER", &options->to, "the next owner"));
  handoff.flags.push_back(
      list_flag("--requires", "C,…", &options->required, "or: whoever has these capabilities"));
  handoff.flags.push_back(text_flag("--reason", "R", &options->reason, "kept in the history"));
  handoff.flags.push_back(optional_text_flag("--context", "JSON|@FILE|-", &options->context,
                                             "what the next owner is to know"));
  handoff.flags.push_back(list_flag("--scopes", "S,…", &options->scopes,
                                    "all that the next owner may do (default: as the giver)"));
  handoff.flags.push_back(raw_flag(options.get()));
  table.push_back(std::move(handoff));
}

}  // namespace phoenix::cli
