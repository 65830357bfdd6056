// One REST call on its way: who asks, what was asked, and the one answer. Routes are free functions
// over it; it takes care of credentials, namespaces, Idempotency-Keys, the deadline, a client that
// goes away, and of the headers that every answer has.
//
// Lives on the loop's thread, shared by the callbacks that wait; the last one to let go of it
// without an answer lets the server say 500.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/auth.h"
#include "api/codec/query.h"
#include "api/gate.h"
#include "api/options.h"
#include "base/json/json.h"
#include "base/key.h"
#include "net/event_loop.h"
#include "net/http_server.h"
#include "runtime/host.h"

namespace phoenix {

// An open stream of a member, which is told when the member should go to another host.
class MovableStream {
 public:
  virtual void move_away() = 0;

 protected:
  ~MovableStream() = default;
};

struct Services {
  Host& host;
  ApiOptions options;
  Auth auth;
  Gate gate;
  std::set<MovableStream*> streams = {};

  // Where a member should attach instead of here.
  std::optional<std::string> move_to() const {
    return options.move_to ? options.move_to() : std::nullopt;
  }
  std::vector<std::string> api_urls() const {
    return options.api_urls ? options.api_urls() : std::vector<std::string>();
  }
};

enum class BodyRule : uint8_t { kNone, kOptional, kJson, kJsonOrLines, kPatch };

// Who may call a route at all.
enum class Access : uint8_t {
  kEveryone,  // no token needed
  kRole,      // a principal with one of Route::roles
  kMember,    // decided by the handler, after the body was read
};

class RestCall;
using RestCallPtr = std::shared_ptr<RestCall>;

struct Route {
  std::string_view method;
  std::string_view pattern;  // "/v1/packets/{id}/start"
  void (*handle)(const RestCallPtr&) = nullptr;
  Access access = Access::kRole;
  Roles roles = kReader;
  BodyRule body = BodyRule::kNone;
  // Known query parameters beside `namespace`; see Query::parse. "raw" allows ?raw=true.
  std::vector<std::string_view> query = {};
  bool any_namespace = false;  // ?namespace=* is allowed
};

class RestCall : public std::enable_shared_from_this<RestCall> {
 public:
  using OnReply = std::function<void(const RestCallPtr&, const ReplyBody&)>;

  RestCall(Services& services, std::shared_ptr<HttpExchange> exchange, const Route& route,
           std::vector<std::string> parameters);

  // Credentials, query, namespace; then the route's handler.
  void run();

  Services& services() { return services_; }
  const ApiOptions& options() const { return services_.options; }
  Host& host() const { return services_.host; }
  const Node& node() const { return services_.host.node(); }
  Now now() const { return services_.host.now(); }
  const HttpHead& head() const { return exchange_->request().head; }
  const std::string& body() const { return exchange_->request().body; }
  const Query& query() const { return query_; }
  const std::string& request_id() const { return request_id_; }
  // The base URL at which the caller reached the gateway that handed this call on; "" if there was
  // none. It is told in place of this pool's hosts, of which the caller may reach none. Whoever
  // forges the header that says so leads nobody astray but himself.
  std::string_view gateway() const;
  // What session answers tell as `hosts`, and, while this host leaves, as `moveTo`.
  std::vector<std::string> api_urls() const;
  std::optional<std::string> move_to() const;
  // The i-th {..} of the pattern.
  const std::string& parameter(size_t i) const { return parameters_[i]; }

  // The namespace of the call; "*" only where the route allows it.
  const std::string& ns() const { return ns_; }
  // The namespaces that a list may show: empty means all.
  std::vector<std::string> visible_namespaces() const;
  // May this caller see things of that namespace?
  bool sees(std::string_view ns) const;
  // The same, within the namespaces that this call asks about.
  bool shows(std::string_view ns) const { return ns_ == "*" ? sees(ns) : ns == ns_; }

  const Principal* principal() const { return principal_.get(); }
  bool has_role(Roles roles) const {
    return principal_ != nullptr && (principal_->roles & roles) != 0;
  }
  const std::optional<std::pair<std::string, uint64_t>>& session() const { return session_; }

  // As the one that the token names: a principal.
  Caller as_principal() const;
  // As a member: by its session's token, or by `as` for a manual one. kUnauthenticated without
  // either.
  Result<Caller> as_member(const std::string& as) const;
  // As a member, or as an operator in its stead.
  Result<Caller> as_member_or(Roles roles) const;

  // The JSON of the body; {} if it is empty and may be.
  Result<json::Document> document() const;
  bool raw() const { return raw_; }
  // Of the header Idempotency-Key; nothing without one.
  Result<std::optional<Idempotency>> idempotency() const;
  Result<std::optional<uint64_t>> if_match() const;

  // Hands a command to the node; the answer comes to on_reply, or is a problem already answered.
  // write() looks at the Idempotency-Key first. `wait` is added to the deadline. `subject` names
  // what to ask for when the outcome is unknown.
  void send(Caller caller, CommandBody body, OnReply on_reply, Duration wait = {});
  void write(Caller caller, CommandBody body, OnReply on_reply);
  // Moves the deadline by a wait that the client asked for; once in a call.
  void extend(Duration wait) { arm(wait); }
  void set_subject(std::string subject) { subject_ = std::move(subject); }

  // Runs a job on the reader's thread; failures are answered here.
  template <class T>
  void read(std::function<Result<T>(Reader&)> job,
            std::function<void(const RestCallPtr&, T)> done) {
    arm({});
    host().template read<T>(std::move(job),
                            [self = shared_from_this(), done = std::move(done)](Result<T> result) {
                              if (self->answered_) return;
                              if (!result) {
                                self->fail(std::move(result.error()));
                              } else {
                                done(self, std::move(*result));
                              }
                            });
  }
  // As send(), for a call whose answer goes on in portions after the reply.
  RequestId send_stream(Caller caller, CommandBody body, OnReply on_reply,
                        std::function<void(const StreamPortion&)> portion);
  void contents(std::vector<PacketPtr> heads, uint32_t mask,
                std::function<void(const RestCallPtr&, std::vector<Contents>)> done);

  bool answered() const { return answered_; }
  void respond(int status, std::string json);
  void respond(HttpResponse response);
  void fail(Error error, std::string_view extra = {});
  void add_header(std::string name, std::string value);
  // Answers with an open event stream.
  std::shared_ptr<HttpStream> stream();

 private:
  friend class Api;
  void arm(Duration wait);
  void time_out();
  void abandoned();
  Result<bool> identify();
  Result<bool> choose_namespace();
  Result<bool> admit();
  void note_refusal(ErrorKind kind);
  void replay(const StoredAnswer& answer, const Idempotency& wanted, const OnReply& on_reply);
  void refused(Error error, const std::optional<Idempotency>& key, const OnReply& on_reply);
  void send_now(Caller caller, std::optional<Idempotency> idempotency, CommandBody body,
                OnReply on_reply, Duration wait);
  void finish_headers(HttpResponse& response);
  void note_answer(int status);

  Services& services_;
  std::shared_ptr<HttpExchange> exchange_;
  const Route& route_;
  std::vector<std::string> parameters_;
  std::string request_id_;
  Query query_;
  bool raw_ = false;
  std::string ns_ = "default";
  std::string subject_;
  bool has_credentials_ = false;
  std::shared_ptr<const Principal> principal_;
  std::optional<std::pair<std::string, uint64_t>> session_;
  std::optional<RequestId> pending_;
  std::optional<Timer> timer_;
  std::vector<std::pair<std::string, std::string>> headers_;
  Instant began_;
  bool answered_ = false;
  bool gone_ = false;  // the client left
};

}  // namespace phoenix
