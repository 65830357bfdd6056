// The session's part that goes from host to host.
//
// A host at which nobody listens, or that breaks off, is left at once. One that is silent, or says
// that it cannot serve, is left only for another one that is ready: leaving closes the stream, and
// when all are in trouble (their one store is away) the old home is as good as any.
#include <algorithm>

#include "cli/worker/session.h"

namespace phoenix::worker {

Duration Session::patience() const {
  // Whoever does not answer within a third of the lease leaves time for another one.
  if (!hosts_.several() || tries_ >= static_cast<int>(hosts_.size())) {
    return std::max(lease_, seconds(2));
  }
  return lease_ / 3;
}

void Session::try_next(Instant now, std::optional<int64_t> at_least_ms) {
  hosts_.go_to(hosts_.after(hosts_.present()));
  effects_.url = hosts_.present();
  const bool around = (tries_ + 1) % static_cast<int>(hosts_.size()) == 0;
  if (!hosts_.several() || around) {
    retry_later(now, at_least_ms);
    return;
  }
  ++tries_;
  if (state_ == State::kRegistering) send_register(now);
  if (state_ == State::kAttaching) send_attach(now);
}

void Session::leave_host(Instant now, HostTrouble trouble) {
  if (state_ != State::kAttached || !hosts_.several()) return;
  if (trouble == HostTrouble::kGone) {
    begin_attach_at(now, hosts_.after(hosts_.present()));
  } else if (probe_ == 0) {
    probed_ = hosts_.present();
    probe_next();
  }
}

void Session::probe_next() {
  probe_ = 0;
  const std::string next = hosts_.after(probed_);
  if (next == hosts_.present()) return;  // nobody is better; the next silence asks again
  probed_ = next;
  MakeCall make;
  make.id = effects_.next_id();
  make.call.target = "/readyz";
  make.call.url = probed_;
  make.call.token = "";
  make.call.timeout = lease_ / 6;
  make.call.repeatable = true;
  probe_ = make.id;
  effects_.add(std::move(make));
}

void Session::probe_answered(Instant now, const CallResult& result) {
  if (result && result->ok()) {
    probe_ = 0;
    begin_attach_at(now, probed_);
  } else {
    probe_next();
  }
}

void Session::end_probe() {
  if (probe_ != 0) effects_.add(CancelCall{probe_});
  probe_ = 0;
}

void Session::begin_attach_at(Instant now, const std::string& url) {
  if (state_ != State::kAttached || !hosts_.go_to(url)) return;
  begin_attach(now);
}

void Session::learn_hosts(const JsonText& answer) {
  std::vector<std::string> told;
  for (const JsonText& url : answer["hosts"].items()) told.push_back(url.text());
  hosts_.learn(told);
}

void Session::follow(Instant now, const JsonText& answer) {
  const JsonText url = answer["moveTo"];
  // Two hosts that leave, each naming the other, must not be run between.
  if (!url.is_string() || now < moved_at_ + lease_ / 6) return;
  // A gateway names itself: another host behind it is to be this member's home.
  const bool here = hosts_.is_present(url.text());
  if (state_ != State::kAttached || (!here && !hosts_.go_to(url.text()))) return;
  moved_at_ = now;
  // A host that sends its members away counts no grace for the streams that they close; nor does
  // one behind a gateway for those that broke.
  stream_open_ = false;
  uncounted_stream_ = stream_;
  if (here) {
    broken_at_.reset();
    hold();
  }
  begin_attach(now);
}

}  // namespace phoenix::worker
