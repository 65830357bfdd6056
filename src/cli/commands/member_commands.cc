#include <fmt/format.h>

#include <memory>

#include "base/bytes_text.h"
#include "cli/apps/app_file.h"
#include "cli/apps/app_members.h"
#include "cli/commands/commands.h"
#include "cli/commands/listing.h"
#include "cli/commands/member_view.h"
#include "cli/context.h"
#include "cli/keys/key_files.h"
#include "cli/line/values.h"
#include "cli/packets/packet_wait.h"

namespace phoenix::cli {
namespace {

struct MemberListOptions {
  ListOptions list;
  std::vector<std::string> status;
  std::vector<std::string> capabilities;
  std::vector<std::string> labels;
};

int list_members(Context& context, const MemberListOptions& options) {
  const bool with_namespace = context.api.name_space() == "*";
  Listing listing;
  listing.what = "cannot list members";
  listing.noun = "members";
  listing.columns = member_columns(with_namespace);
  listing.target = [&options] {
    Target target({"members"});
    if (!options.status.empty()) {
      target.with("status", fmt::format("{}", fmt::join(options.status, ",")));
    }
    if (!options.capabilities.empty()) {
      target.with("capability", fmt::format("{}", fmt::join(options.capabilities, ",")));
    }
    for (const std::string& label : options.labels) target.with("label", label);
    return target;
  };
  listing.row = [with_namespace](const Json& item) {
    return member_row(item, with_namespace, wall_now_ms());
  };
  listing.fingerprint = [](const Json& item) {
    return item["status"].text() + "/" + item["currentLoad"].text() + "/" +
           item["incarnation"].text() + "/" + item["revision"].text();
  };
  return run_list(context, listing, options.list);
}

struct RegisterOptions {
  std::vector<std::string> ids;
  std::string kind;
  std::vector<std::string> capabilities;
  std::vector<std::string> compliance;
  std::vector<std::string> labels;
  std::optional<int64_t> weight;
  std::optional<int64_t> max_load;
  std::string trust;
  std::string reliability;
  std::string liveness = "manual";
  std::optional<Duration> lease;
  bool replace = false;
};

Outcome<Json> member_document(const RegisterOptions& options, const std::string& id) {
  Json document = Json::object();
  document.set("id", Json::string(id));
  if (!options.kind.empty()) document.set("kind", Json::string(options.kind));
  document.set("capabilities", Json::strings(options.capabilities));
  if (options.weight) document.set("weight", Json::number(*options.weight));
  if (options.max_load) document.set("maxLoad", Json::number(*options.max_load));
  if (!options.trust.empty()) document.set("trustScore", Json::raw_number(options.trust));
  if (!options.reliability.empty()) {
    document.set("reliability", Json::raw_number(options.reliability));
  }
  if (!options.compliance.empty()) document.set("compliance", Json::strings(options.compliance));
  if (!options.labels.empty()) {
    Json labels = Json::object();
    for (const std::string& label : options.labels) {
      auto pair = split_pair(label, "--label");
      if (!pair) return tl::unexpected(pair.error());
      labels.set(pair->first, Json::string(pair->second));
    }
    document.set("labels", std::move(labels));
  }
  document.set("liveness", Json::string(options.liveness));
  if (options.lease) {
    auto count = whole_seconds(*options.lease, "--lease");
    if (!count) return tl::unexpected(count.error());
    document.set("leaseSeconds", Json::number(*count));
  }
  if (options.replace) document.set("replace", Json::boolean(true));
  return document;
}

Outcome<int> register_member(Context& context, const RegisterOptions& options,
                             const std::string& id) {
  auto document = member_document(options, id);
  if (!document) return tl::unexpected(document.error());
  auto reply =
      context.api.post(fmt::format("cannot register {}", id), Target({"members"}), *document);
  if (!reply) return tl::unexpected(reply.error());
  const Json& member = reply->json["member"];
  std::string text = id;
  if (!member["status"].text().empty()) {
    text += "  " + colored_state(member["status"].text(), context.out.color());
  }
  const std::string& token = reply->json["session"]["token"].text();
  if (!token.empty()) text += "\nsession token: " + token;
  print_answer(context, *reply, id, text);
  return kExitDone;
}

bool looks_like_manifest(const std::string& word) {
  return word.find('/') != std::string::npos || word.ends_with(".yaml") || word.ends_with(".yml");
}

// The agents of a manifest, as members that are driven by hand.
Outcome<int> register_file(Context& context, const std::string& path) {
  const auto app = load_for(context, {path, false}, "cannot register " + path);
  if (!app) return tl::unexpected(app.error());
  if (app->agents.empty()) {
    return tl::unexpected(wrong_use("cannot register " + path, "it declares no Agent"));
  }
  for (const manifest::Agent& agent : app->agents) {
    const auto reply = context.api.post("cannot register " + agent.name, Target({"members"}),
                                        manual_member(*app, agent, agent.name));
    if (!reply) return tl::unexpected(reply.error());
    const std::string& status = reply->json["member"]["status"].text();
    print_answer(context, *reply, agent.name,
                 agent.name + "  " + colored_state(status, context.out.color()));
  }
  return kExitDone;
}

int register_members(Context& context, const RegisterOptions& options) {
  int code = kExitDone;
  std::vector<std::string> ids;
  for (const std::string& word : options.ids) {
    if (!looks_like_manifest(word)) {
      ids.push_back(word);
      continue;
    }
    const int registered = finish(context, register_file(context, word));
    if (code == kExitDone) code = registered;
  }
  if (ids.empty()) return code;
  const int others = for_each_id(context, ids, "member", [&](const std::string& id) {
    return register_member(context, options, id);
  });
  return code == kExitDone ? others : code;
}

Outcome<int> show_member(Context& context, const std::string& id) {
  auto reply = context.api.get(fmt::format("cannot show member {}", id), Target({"members", id}));
  if (!reply) return tl::unexpected(reply.error());
  print_answer(context, *reply, id, member_sheet(reply->json, context.out.color()));
  return kExitDone;
}

struct LeaveOptions {
  std::vector<std::string> ids;
  std::optional<Duration> deadline;
  WaitFlag wait;
};

// Until the member is RETIRED; a record that is forgotten has been.
Outcome<int> wait_until_retired(Context& context, const std::string& id, WaitEnd end) {
  while (true) {
    auto reply = context.api.get_any(fmt::format("cannot wait for member {}", id),
                                     Target({"members", id}), milliseconds(1000));
    if (!reply) return tl::unexpected(reply.error());
    const std::string& status = reply->json["status"].text();
    if (reply->status == 404 || reply->status == 410 || status == "RETIRED") return kExitDone;
    if (reply->status >= 300) {
      return tl::unexpected(
          failure_of(fmt::format("cannot wait for member {}", id), reply->status, reply->body));
    }
    if (status == "ACTIVE") {
      return tl::unexpected(Failure{kExitFailed, fmt::format("member {} is ACTIVE again", id),
                                    "the drain was called off", "", ""});
    }
    if (end && std::chrono::steady_clock::now() >= *end) {
      return tl::unexpected(Failure{kExitTimedOut, fmt::format("member {} still drains", id),
                                    fmt::format("it holds {}", reply->json["currentLoad"].text()),
                                    fmt::format("look again: phoenix member show {}", id), ""});
    }
  }
}

Outcome<int> leave(Context& context, const LeaveOptions& options, const std::string& verb,
                   const std::string& id) {
  const std::string what = fmt::format("cannot {} member {}", verb, id);
  Json body = Json::object();
  if (verb == "drain" && options.deadline) {
    auto count = whole_seconds(*options.deadline, "--deadline");
    if (!count) return tl::unexpected(count.error());
    body.set("deadlineSeconds", Json::number(*count));
  }
  auto reply = verb == "retire" ? context.api.send(what, "DELETE", Target({"members", id}), "", "")
                                : context.api.post(what, Target({"members", id, verb}), body);
  if (!reply) return tl::unexpected(reply.error());
  if (options.wait.wait) {
    auto waited = wait_until_retired(context, id, wait_end(options.wait));
    if (!waited) return waited;
  }
  const Json& member = reply->json.has("member") ? reply->json["member"] : reply->json;
  std::string status = options.wait.wait ? "RETIRED" : member["status"].text();
  if (status.empty()) {
    status = verb == "drain" ? "DRAINING" : verb == "retire" ? "RETIRED" : "ACTIVE";
  }
  std::string text;
  if (!context.out.quiet()) text = id + "  " + colored_state(status, context.out.color());
  if (!reply->body.empty() || context.out.for_people()) print_answer(context, *reply, id, text);
  return kExitDone;
}

Command ids_command(const std::string& path, std::vector<std::string>* ids) {
  Command command;
  command.path = path;
  command.usage = "MEMBER…";
  command.words_name = "MEMBER";
  command.words_min = 1;
  command.words_max = kManyWords;
  command.words = ids;
  return command;
}

void add_register(std::vector<Command>& table) {
  const auto options = std::make_shared<RegisterOptions>();
  Command command = ids_command("member register", &options->ids);
  command.summary = "register members that are driven by hand";
  command.usage = "MEMBER… --capability C,… [flags] | FILE.yaml…";
  command.detail =
      "Such a member has no session and is never lost by silence; `packet start|complete|…\n"
      "--as MEMBER` works for it. For a program as a member: phoenix worker start.";
  command.example = "phoenix member register anna --kind human --capability approve,legal";
  command.flags.push_back(
      choice_flag("--kind", {"agent", "service", "tool", "model", "human", "api", "worker", "node"},
                  &options->kind, "what it is"));
  command.flags.push_back(
      list_flag("--capability", "C,…", &options->capabilities, "what it can do"));
  command.flags.push_back(optional_number_flag("--max-load", "N", &options->max_load, 1, 1'000'000,
                                               "how much it holds at a time (1)"));
  command.flags.push_back(optional_number_flag("--weight", "N", &options->weight, 1, 10'000,
                                               "its share of the ring (100)"));
  command.flags.push_back(score_flag("--trust", &options->trust));
  command.flags.push_back(score_flag("--reliability", &options->reliability));
  command.flags.push_back(
      list_flag("--compliance", "TAG,…", &options->compliance, "what it may handle"));
  command.flags.push_back(texts_flag("--label", "K=V", &options->labels, "label; repeatable"));
  command.flags.push_back(choice_flag("--liveness", {"manual", "session"}, &options->liveness,
                                      "session: prints a token; the lease runs at once"));
  command.flags.push_back(
      optional_duration_flag("--lease", "3s", &options->lease, "of a session, 1s to 1h"));
  command.flags.push_back(switch_flag("--replace", &options->replace,
                                      "end the session that has this id, and take it over"));
  command.run = [options](Context& context) { return register_members(context, *options); };
  table.push_back(std::move(command));
}

void add_list_and_show(std::vector<Command>& table) {
  const auto options = std::make_shared<MemberListOptions>();
  Command list;
  list.path = "member list";
  list.summary = "the members, what they can do and hold";
  list.usage = "[--status S,…] [--capability C,…] [flags]";
  list.example = "phoenix member list --status ACTIVE --capability ocr -o wide";
  list.flags.push_back(
      list_flag("--status", "S,…", &options->status, "ACTIVE DRAINING DETACHED RETIRED"));
  list.flags.push_back(
      list_flag("--capability", "C,…", &options->capabilities, "having these capabilities"));
  list.flags.push_back(texts_flag("--label", "K=V", &options->labels, "with that label"));
  add_list_flags(list.flags, &options->list);
  list.run = [options](Context& context) { return list_members(context, *options); };
  table.push_back(std::move(list));

  const auto ids = std::make_shared<std::vector<std::string>>();
  Command show = ids_command("member show", ids.get());
  show.summary = "the fields of a member";
  show.example = "phoenix member show anna";
  show.run = [ids](Context& context) {
    return for_each_id(context, *ids, "member",
                       [&](const std::string& id) { return show_member(context, id); });
  };
  table.push_back(std::move(show));
}

struct KeyOptions {
  std::vector<std::string> ids;
  std::string key;
  bool revoke = false;
};

Outcome<int> rotate_key(Context& context, const KeyOptions& options, const std::string& id) {
  const std::string what = fmt::format("cannot change the key of member {}", id);
  if (options.key.empty() && !options.revoke) {
    return tl::unexpected(wrong_use("neither --key nor --revoke is given", "one of them is wanted",
                                    "phoenix member rotate-key ocr-1 --key new.pub"));
  }
  Json body = Json::object();
  if (!options.key.empty()) {
    const auto key = read_key(options.key);
    if (!key) return tl::unexpected(key.error());
    body.set("nextKey", Json::string(base64_text(key->key.key.view())));
  }
  if (options.revoke) body.set("publicKey", Json());
  auto reply = context.api.send(what, "PATCH", Target({"members", id}), body.dump(),
                                "application/merge-patch+json");
  if (!reply) return tl::unexpected(reply.error());
  print_answer(context, *reply, id, member_sheet(reply->json, context.out.color()));
  return kExitDone;
}

void add_rotate_key(std::vector<Command>& table) {
  const auto options = std::make_shared<KeyOptions>();
  Command command = ids_command("member rotate-key", &options->ids);
  command.summary = "let members come back with another key, or revoke the one they have";
  command.usage = "MEMBER… [--key FILE] [--revoke]";
  command.detail =
      "A member's id is bound to its key. With --key it may register with that one next, and the\n"
      "old one is good until it does; with --revoke the old one is good for nothing from now on.";
  command.example = "phoenix member rotate-key ocr-1 --key new/worker.pub";
  command.flags.push_back(text_flag("--key", "FILE", &options->key, "the new public key"));
  command.flags.push_back(
      switch_flag("--revoke", &options->revoke, "the present one was lost or stolen"));
  command.run = [options](Context& context) {
    return for_each_id(context, options->ids, "member",
                       [&](const std::string& id) { return rotate_key(context, *options, id); });
  };
  table.push_back(std::move(command));
}

Command leave_command(const std::string& path, const std::string& verb) {
  const auto options = std::make_shared<LeaveOptions>();
  Command command = ids_command(path, &options->ids);
  if (verb == "drain") {
    command.summary = "let members finish or hand on what they hold, then retire them";
    command.usage = "MEMBER… [--deadline 25s] [--wait[=1m]]";
    command.example = "phoenix member drain ocr-1 --deadline 25s --wait";
    command.flags.push_back(optional_duration_flag("--deadline", "25s", &options->deadline,
                                                   "what is left then is placed elsewhere"));
    command.flags.push_back(
        wait_flag(&options->wait, "until it has retired; exit 7 when not in time"));
  } else if (verb == "resume") {
    command.summary = "call a drain off";
    command.example = "phoenix member resume ocr-1";
  } else {
    command.summary = "take members out now; what they hold is placed elsewhere";
    command.example = "phoenix " + path + " ocr-1";
  }
  command.run = [options, verb](Context& context) {
    return for_each_id(context, options->ids, "member",
                       [&](const std::string& id) { return leave(context, *options, verb, id); });
  };
  return command;
}

}  // namespace

void add_member_commands(std::vector<Command>& table) {
  add_register(table);
  add_list_and_show(table);
  table.push_back(leave_command("member drain", "drain"));
  table.push_back(leave_command("member resume", "resume"));
  table.push_back(leave_command("member retire", "retire"));
  table.push_back(leave_command("retire", "retire"));
  add_rotate_key(table);
}

}  // namespace phoenix::cli
