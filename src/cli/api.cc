#include "cli/api.h"

#include <fmt/format.h>

#include <cstdlib>

#include "cli/context.h"
#include "cli/line/values.h"
#include "client/address.h"
#include "client/http_client.h"
#include "client/problem.h"

namespace phoenix::cli {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string trimmed(std::string text) {
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  text.erase(0, std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  return text;
}

constexpr size_t kMaxTokenFile = 64 * 1024;

Outcome<std::string> find_token(const Globals& globals) {
  if (!globals.token.empty() && !globals.token_file.empty()) {
    return tl::unexpected(wrong_use("--token and --token-file exclude each other", "", ""));
  }
  if (!globals.token.empty()) return globals.token;
  if (globals.token_file.empty()) return environment("PHOENIX_TOKEN");
  auto text = read_input(globals.token_file, kMaxTokenFile, "cannot read --token-file");
  if (!text) return tl::unexpected(text.error());
  std::string token = trimmed(*text);
  if (token.empty()) {
    return tl::unexpected(wrong_use("cannot read --token-file", globals.token_file + " is empty"));
  }
  return token;
}

// What the user can do about it, by the kind of refusal.
std::string next_step(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kInvalidRequest:
      return "add --help to the command to see what it takes";
    case ErrorKind::kUnauthenticated:
      return "give a token: --token-file FILE, or PHOENIX_TOKEN";
    case ErrorKind::kForbidden:
      if (error.reason_code == "wrong-host") {
        return "give that name with --name, or get a token for this one: phoenix host join-token "
               "HOST";
      }
      if (error.reason_code == "unknown-token" || error.reason_code == "token-used") {
        return "get another one: phoenix host join-token HOST";
      }
      return "ask for a token whose roles allow it, or look at the namespace: -n NS";
    case ErrorKind::kNotFound:
      if (error.detail.starts_with("no host ")) return "see which there are: phoenix host list";
      return "look at the namespace too: -n NS, or -n '*' with list";
    case ErrorKind::kMemberExists:
      return "choose another id, or look at that one: phoenix member show ID";
    case ErrorKind::kStaleEpoch:
    case ErrorKind::kNotOwner:
      return error.owner.value_or("").empty()
                 ? "stop working on it"
                 : fmt::format("stop working on it: {} has it now", *error.owner);
    case ErrorKind::kNotEligible:
      return "see who could take it: phoenix packet explain PACKET";
    case ErrorKind::kTooManyRequests:
    case ErrorKind::kOverloaded:
    case ErrorKind::kDraining:
      if (error.retry_after_ms) {
        return fmt::format("try again in {}", format_duration(milliseconds(*error.retry_after_ms)));
      }
      return "try again in a moment";
    case ErrorKind::kStoreUnreachable:
      return "see what the host says: phoenix status";
    case ErrorKind::kTimeout:
      return "the outcome is open: ask before doing it again";
    default:
      return "";
  }
}

Failure failure_of_call(const std::string& what, const CallFailure& failure, bool writing) {
  switch (failure.fault) {
    case CallFault::kUnreachable:
      // A refused connection says no more than the first line does.
      return {kExitNoHost, fmt::format("no host answers at {}", failure.url),
              failure.detail == "Connection refused" ? "" : failure.detail,
              "start one: phoenix serve", ""};
    case CallFault::kTimedOut:
      return {kExitTimedOut, what,
              fmt::format("{} did not answer in time; the outcome is {}", failure.url,
                          writing ? "open" : "unknown"),
              writing ? "look before doing it again, or allow more: --request-timeout 2m"
                      : "allow more: --request-timeout 2m",
              ""};
    case CallFault::kReset:
      break;
  }
  return {writing ? kExitTimedOut : kExitNoHost, what,
          fmt::format("{} broke off: {}", failure.url, failure.detail),
          writing ? "the outcome is open: look before doing it again" : "try again", ""};
}

}  // namespace

struct Api::Transport {
  // Made at the first call, so that verbs which need no host never fail for one.
  const Globals& globals;
  std::optional<Client> client;
  std::string answered;

  Outcome<ClientOptions> options() const {
    auto token = find_token(globals);
    if (!token) return tl::unexpected(token.error());
    auto urls = resolve_urls(globals.urls, environment("PHOENIX_URL"));
    if (!urls) {
      return tl::unexpected(wrong_use("no address to call", urls.error().detail,
                                      "for example --url http://127.0.0.1:7400"));
    }
    ClientOptions made;
    made.urls = *urls;
    made.token = *token;
    made.timeout = globals.request_timeout;
    made.tls_ca = globals.ca_file.empty() ? environment("PHOENIX_CA_FILE") : globals.ca_file;
    return made;
  }

  Outcome<Client*> connect() {
    if (client) return &*client;
    auto wanted = options();
    if (!wanted) return tl::unexpected(wanted.error());
    auto made = Client::create(std::move(*wanted));
    if (!made) {
      return tl::unexpected(
          wrong_use(made.error().detail, "", "for example --url http://127.0.0.1:7400"));
    }
    client.emplace(std::move(*made));
    return &*client;
  }
};

Target::Target(const std::vector<std::string>& segments) : text_("/v1") {
  for (const std::string& segment : segments) {
    text_ += "/";
    // A colon may stand in a path, and has to where it is a verb: "packets:complete".
    for (std::string_view rest = segment;;) {
      const size_t colon = rest.find(':');
      text_ += url_encode(rest.substr(0, colon));
      if (colon == rest.npos) break;
      text_ += ":";
      rest.remove_prefix(colon + 1);
    }
  }
}

Target Target::plain(std::string path) {
  Target target({});
  target.text_ = std::move(path);
  return target;
}

Target& Target::with(std::string_view name, std::string_view value) {
  text_ += fmt::format("{}{}={}", has_query_ ? '&' : '?', name, url_encode(value));
  has_query_ = true;
  return *this;
}

bool Target::has(std::string_view name) const {
  return text_.find(fmt::format("?{}=", name)) != std::string::npos ||
         text_.find(fmt::format("&{}=", name)) != std::string::npos;
}

Api::Api(const Globals& globals, Output* out)
    : out_(out),
      name_space_(globals.name_space.empty() ? environment("PHOENIX_NAMESPACE")
                                             : globals.name_space),
      transport_(std::make_unique<Transport>(globals)) {}

Api::~Api() = default;

std::string Api::url() const { return transport_->answered; }

std::string Api::url_of(const std::string& address) const {
  const std::string answered = url();
  return answered.substr(0, answered.find("//") + 2) + address;
}

bool Api::has_token() const {
  const auto token = find_token(transport_->globals);
  return token && !token->empty();
}

Outcome<ClientOptions> Api::host_options() const { return transport_->options(); }

Outcome<Reply> Api::exchange(const std::string& what, const Call& call) {
  auto client = transport_->connect();
  if (!client) return tl::unexpected(client.error());
  const auto answer = (*client)->call(call);
  if (!answer) {
    return tl::unexpected(failure_of_call(what, answer.error(), call.method != "GET"));
  }
  out_->trace(fmt::format("{} {}{} {}", call.method, answer->url, call.target, answer->status));
  transport_->answered = answer->url;
  Reply reply;
  reply.status = answer->status;
  reply.body = answer->body;
  reply.content_type = std::string(answer->header("content-type"));
  if (reply.content_type.find("json") != std::string::npos) {
    if (auto json = Json::parse(reply.body)) reply.json = std::move(*json);
  }
  return reply;
}

Outcome<Reply> Api::get_any(const std::string& what, Target target, Duration wait) {
  Call call;
  if (wait.ns > 0) {
    target.with("waitMs", wait.ms());
    call.timeout = transport_->globals.request_timeout + wait;
    call.wait = wait;
  }
  if (!name_space_.empty() && target.text().starts_with("/v1/")) {
    target.with("namespace", name_space_);
  }
  call.target = target.text();
  call.repeatable = true;
  return exchange(what, call);
}

Outcome<Reply> Api::get(const std::string& what, Target target, Duration wait) {
  auto reply = get_any(what, std::move(target), wait);
  if (reply && reply->status >= 300) {
    return tl::unexpected(failure_of(what, reply->status, reply->body));
  }
  return reply;
}

Outcome<Reply> Api::send(const std::string& what, const std::string& method, Target target,
                         const std::string& body, const std::string& content_type) {
  if (!name_space_.empty()) target.with("namespace", name_space_);
  Call call;
  call.method = method;
  call.target = target.text();
  call.body = body;
  call.repeatable = true;
  call.headers.emplace_back("Idempotency-Key", random_idempotency_key());
  if (!content_type.empty()) call.headers.emplace_back("Content-Type", content_type);
  auto reply = exchange(what, call);
  if (reply && reply->status >= 300) {
    return tl::unexpected(failure_of(what, reply->status, reply->body));
  }
  return reply;
}

Outcome<Reply> Api::post(const std::string& what, Target target, const Json& body) {
  return send(what, "POST", std::move(target), body.dump(), "application/json");
}

Failure failure_of(const std::string& what, int status, const std::string& body) {
  Answer answer;
  answer.status = status;
  answer.body = body;
  const Error error = parse_problem(answer);
  Failure failure;
  failure.what = what;
  failure.exit_code = exit_code(error);
  failure.why = error.detail;
  if (error.fields.size() > 1 || failure.why.empty()) {
    for (const FieldError& field : error.fields) {
      if (!failure.why.empty()) failure.why += "\n";
      failure.why += field.pointer + ": " + field.detail;
    }
  }
  if (failure.why.empty()) failure.why = kind_title(error.kind);
  failure.next = next_step(error);
  failure.document = body;
  return failure;
}

}  // namespace phoenix::cli
