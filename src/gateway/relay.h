// One client's call on its way through the gateway: which keepers it is tried at, and the answer
// that goes back as it comes. At most kReadAhead bytes of an answer lie here: the keeper is read as
// fast as the client reads.
//
// A request was received whole before it comes here, within the server's bounds, because it may
// have to be repeated at another keeper. Lives on the loop's thread, owned by the gateway until it
// is over.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/call_traits.h"
#include "gateway/desk.h"
#include "gateway/keeper_link.h"

namespace phoenix::gateway {

class Relay final : public std::enable_shared_from_this<Relay>, private KeeperAnswer {
 public:
  // Answers larger than this, and event streams, go on before they are whole.
  static constexpr size_t kReadAhead = size_t{256} << 10;

  Relay(Desk& desk, std::shared_ptr<HttpExchange> exchange);

  void start();
  // The pool says that this keeper is gone: no end of a connection may ever tell.
  void keeper_gone(const std::string& name);
  // The gateway ends: what waits on purpose, or never ends, ends now.
  void end_soon();
  bool streams() const { return stream_ != nullptr; }

 private:
  void on_head(const Answer& head) override;
  void on_body(std::string_view bytes) override;
  void on_done(const Answer& answer) override;
  void on_failed(const CallFailure& failure) override;

  void choose_keepers();
  void attempt();
  void failed(Failing failing, const Answer* answer);
  void begin_stream(const Answer& head);
  void pass_on(std::string_view bytes);
  void break_off();
  void move_member(const std::string& from, const std::string& to);
  void hand_on(const Answer& answer, std::string body);
  HttpResponse begun(const Answer& answer) const;
  void note_home(const Answer& answer, std::string_view body);
  void refuse(Error error, Outcome outcome, std::string_view extra = {});
  void finish(Outcome outcome);
  const Keeper& keeper() const { return keepers_[at_]; }
  bool more() const { return at_ + 1 < keepers_.size(); }

  Desk& desk_;
  std::shared_ptr<HttpExchange> exchange_;
  const CallTraits traits_;
  const std::string own_url_;    // under which the client came here
  std::vector<Keeper> keepers_;  // in the order in which they are tried
  size_t at_ = 0;
  std::string lost_home_;  // the session's, which is not to be asked any more
  bool fresh_ = false;     // a kept connection broke under the call at this keeper
  std::unique_ptr<KeeperLink> link_;
  std::optional<Answer> head_;  // of the answer that is coming
  std::string body_;            // of it, so far
  std::shared_ptr<HttpStream> stream_;
  bool events_ = false;  // the stream is one of events, which may end anywhere
  bool over_ = false;
};

}  // namespace phoenix::gateway
