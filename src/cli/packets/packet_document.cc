#include "cli/packets/packet_document.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

#include "base/bytes_text.h"
#include "base/key.h"
#include "cli/line/values.h"

namespace phoenix::cli {
namespace {

Outcome<std::string> read_value(const std::string& value, std::string_view flag) {
  if (value == "-") return read_input("-", kMaxContent, fmt::format("cannot read {}", flag));
  if (value.starts_with('@')) {
    return read_input(value.substr(1), kMaxContent, fmt::format("cannot read {}", flag));
  }
  return value;
}

bool json_type(std::string_view content_type) {
  const std::string_view bare = content_type.substr(0, content_type.find(';'));
  return bare.empty() || bare == "application/json" || bare.ends_with("+json");
}

void set_text(Json& document, std::string_view name, const std::string& value) {
  if (!value.empty()) document.set(name, Json::string(value));
}

void set_number(Json& document, std::string_view name, const std::optional<int64_t>& value) {
  if (value) document.set(name, Json::number(*value));
}

// The host counts these in whole seconds.
Outcome<int> set_seconds(Json& document, std::string_view name, std::string_view flag,
                         const std::optional<Duration>& value) {
  if (!value) return kExitDone;
  auto count = whole_seconds(*value, flag);
  if (!count) return tl::unexpected(count.error());
  document.set(name, Json::number(*count));
  return kExitDone;
}

}  // namespace

void add_packet_flags(std::vector<Flag>& flags, PacketFlags* into) {
  flags.push_back(
      list_flag("--requires", "C,…", &into->required, "capabilities that its owner must have"));
  flags.push_back(
      optional_text_flag("--payload", "JSON|@FILE|-", &into->payload, "what is to be worked on"));
  flags.push_back(text_flag("--content-type", "T", &into->content_type,
                            "of the payload; any but JSON makes it bytes"));
  flags.push_back(text_flag("--id", "ID", &into->id, "its id; else one is generated"));
  flags.push_back(text_flag("--name", "NAME", &into->name, "a name for people"));
  flags.push_back(texts_flag("--label", "K=V", &into->labels, "label; repeatable"));
  flags.push_back(text_flag("--contract", "NAME", &into->contract,
                            "by which it is handed on (default: those bound to what it requires)"));
  flags.push_back(list_flag("--scopes", "S,…", &into->scopes,
                            "what its owners may do in its name (default: no bounds)"));
  flags.push_back(
      text_flag("--affinity", "KEY", &into->affinity, "packets of one key go to one owner"));
  flags.push_back(text_flag("--deadline", "10m", &into->deadline,
                            "EXPIRED when not done by then; also RFC 3339"));
  flags.push_back(text_flag("--not-before", "30s", &into->not_before, "wait so long first"));
  flags.push_back(choice_flag("--match", {"all", "any"}, &into->match,
                              "how many of the capabilities are needed"));
  flags.push_back(choice_flag("--spread", {"id", "affinity", "none"}, &into->spread,
                              "what chooses the place on the ring"));
  flags.push_back(optional_number_flag("--priority", "N", &into->priority, -1000, 1000,
                                       "higher goes first when room appears"));
  flags.push_back(optional_number_flag("--load", "N", &into->load, 1, 1'000'000,
                                       "how much of its owner's --max-load it takes"));
  flags.push_back(optional_number_flag("--max-attempts", "N", &into->max_attempts, 1, 1'000'000,
                                       "failures until FAILED (3)"));
  flags.push_back(optional_number_flag("--max-losses", "N", &into->max_losses, 1, 1'000'000,
                                       "lost owners until FAILED (10)"));
  flags.push_back(optional_duration_flag("--attempt-timeout", "5m", &into->attempt_timeout,
                                         "longest time for one attempt"));
  flags.push_back(
      optional_duration_flag("--retain", "7d", &into->retain, "how long it stays after its end"));
  flags.push_back(list_flag("--policy-tag", "TAG,…", &into->policy_tags, "tags for policies"));
}

Outcome<std::string> moment(const std::string& text, std::string_view flag, int64_t now_ms) {
  if (text.size() >= 20 && text.find('T') == 10) return text;
  const auto duration = parse_duration(text);
  if (!duration) {
    return tl::unexpected(wrong_use(fmt::format("{}: {}", flag, duration.error()),
                                    "a time works too: 2030-01-31T12:00:00Z"));
  }
  const int64_t at = now_ms + duration->ms();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(static_cast<time_t>(at / 1000)),
                     at % 1000);
}

Outcome<int> set_payload(Json& document, const std::string& bytes, const std::string& content_type,
                         const std::string& source) {
  if (bytes.size() > kMaxContent) {
    return tl::unexpected(wrong_use(fmt::format("{}: {} bytes", source, bytes.size()),
                                    fmt::format("a payload has at most {} bytes", kMaxContent)));
  }
  set_text(document, "contentType", content_type);
  if (!json_type(content_type)) {
    document.set("payloadBase64", Json::string(base64_text(bytes)));
    return kExitDone;
  }
  auto value = Json::parse(bytes);
  if (!value) {
    return tl::unexpected(wrong_use(fmt::format("{}: {}", source, value.error().detail),
                                    "a payload is JSON unless --content-type says otherwise",
                                    "text: --payload '\"hello\"', or --content-type text/plain"));
  }
  document.set("payload", std::move(*value));
  return kExitDone;
}

Outcome<int> set_content(Json& document, const std::string& name, const std::string& value,
                         bool raw) {
  auto text = read_value(value, "--" + name);
  if (!text) return tl::unexpected(text.error());
  if (raw) {
    document.set(name + "Base64", Json::string(base64_text(*text)));
    return kExitDone;
  }
  auto json = Json::parse(*text);
  if (!json) {
    return tl::unexpected(wrong_use(fmt::format("--{}: {}", name, json.error().detail),
                                    "it is JSON unless --raw is given",
                                    "text: '\"hello\"', or add --raw"));
  }
  document.set(name, std::move(*json));
  return kExitDone;
}

Outcome<Json> packet_document(const PacketFlags& flags, int64_t now_ms) {
  Json document = Json::object();
  if (!flags.id.empty() && !valid_id(flags.id)) {
    return tl::unexpected(wrong_use(fmt::format("--id: \"{}\" is no packet id", flags.id),
                                    "1 to 128 of A-Z a-z 0-9 . _ -, first a letter or digit"));
  }
  set_text(document, "id", flags.id);
  set_text(document, "name", flags.name);
  document.set("requiredCapabilities", Json::strings(flags.required));
  if (!flags.policy_tags.empty()) document.set("policyTags", Json::strings(flags.policy_tags));
  set_text(document, "contract", flags.contract);
  if (!flags.scopes.empty()) document.set("scopes", Json::strings(flags.scopes));
  if (!flags.labels.empty()) {
    Json labels = Json::object();
    for (const std::string& label : flags.labels) {
      auto pair = split_pair(label, "--label");
      if (!pair) return tl::unexpected(pair.error());
      labels.set(pair->first, Json::string(pair->second));
    }
    document.set("labels", std::move(labels));
  }
  set_text(document, "affinityKey", flags.affinity);
  set_text(document, "spread", flags.spread);
  set_text(document, "capabilityMatch", flags.match);
  set_number(document, "priority", flags.priority);
  set_number(document, "load", flags.load);
  set_number(document, "maxAttempts", flags.max_attempts);
  set_number(document, "maxLosses", flags.max_losses);
  for (const auto& [key, flag, value] :
       {std::tuple("attemptTimeoutSeconds", "--attempt-timeout", flags.attempt_timeout),
        std::tuple("retainSeconds", "--retain", flags.retain)}) {
    auto set = set_seconds(document, key, flag, value);
    if (!set) return tl::unexpected(set.error());
  }
  for (const auto& [flag, key, text] :
       {std::tuple("--deadline", "deadline", flags.deadline),
        std::tuple("--not-before", "notBefore", flags.not_before)}) {
    if (text.empty()) continue;
    auto at = moment(text, flag, now_ms);
    if (!at) return tl::unexpected(at.error());
    set_text(document, key, *at);
  }
  if (flags.payload) {
    auto bytes = read_value(*flags.payload, "--payload");
    if (!bytes) return tl::unexpected(bytes.error());
    auto placed = set_payload(document, *bytes, flags.content_type, "--payload");
    if (!placed) return tl::unexpected(placed.error());
  } else {
    set_text(document, "contentType", flags.content_type);
  }
  return document;
}

}  // namespace phoenix::cli
