// The host as the commands see it: a path in, an answer or a Failure out. It adds the namespace,
// the token and, on every writing call, an Idempotency-Key; it turns problem documents into the
// three lines and the exit code. One connection, used from one thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "cli/json.h"
#include "cli/output.h"
#include "client/call.h"

namespace phoenix::cli {

// A path below /v1 with its query, percent-encoded as it is built.
class Target {
 public:
  // Target({"packets", id, "complete"}) is /v1/packets/<id>/complete.
  explicit Target(const std::vector<std::string>& segments);
  // A path outside /v1, as it stands.
  static Target plain(std::string path);
  Target& with(std::string_view name, std::string_view value);
  Target& with(std::string_view name, int64_t value) { return with(name, std::to_string(value)); }
  bool has(std::string_view name) const;
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  bool has_query_ = false;
};

struct Reply {
  int status = 0;
  std::string body;
  std::string content_type;
  Json json;  // the body, if it is JSON; else null
};

class Api {
 public:
  Api(const Globals& globals, Output* out);
  ~Api();

  // `what` is the first line of a failure: "cannot show packet pkt_1". Reads are tried at the next
  // address if one does not answer; `wait` is how long the host may take on purpose (waitMs).
  Outcome<Reply> get(const std::string& what, Target target, Duration wait = {});
  // Writes carry one key, kept over repeats, so that a lost answer makes nothing twice.
  Outcome<Reply> send(const std::string& what, const std::string& method, Target target,
                      const std::string& body, const std::string& content_type);
  Outcome<Reply> post(const std::string& what, Target target, const Json& body);

  // As get(), but whatever status is answered is no failure: /readyz says in the body of its 503
  // what is wrong.
  Outcome<Reply> get_any(const std::string& what, Target target, Duration wait = {});

  // The base URL that answered last; empty before the first answer.
  std::string url() const;
  // Of another host of its pool by that address, as a list of hosts names it.
  std::string url_of(const std::string& address) const;
  const std::string& name_space() const { return name_space_; }
  bool has_token() const;
  // Whom to call and as whom, for verbs that speak to hosts by themselves.
  Outcome<ClientOptions> host_options() const;

 private:
  struct Transport;
  Outcome<Reply> exchange(const std::string& what, const Call& call);

  Output* out_;
  std::string name_space_;
  std::unique_ptr<Transport> transport_;
};

// The failure that a problem document (or another body with such a status) stands for.
Failure failure_of(const std::string& what, int status, const std::string& body);

}  // namespace phoenix::cli
