#include "cli/demo/proc/audit_run.h"

#include <utility>

namespace phoenix::demo {
namespace {

// $0: the program, $1: a host, $2: the folder.
constexpr const char* kScript = R"(
mkdir -p "$2" &&
"$0" -q --url "$1" audit export --out "$2/all.audit" --checkpoint-out "$2/now.checkpoint" &&
"$0" -q --url "$1" audit keys --out "$2/keys" &&
"$0" audit verify "$2/all.audit" --keys "$2/keys" --checkpoint "$2/now.checkpoint" -o json
)";

}  // namespace

std::string verify_command(const std::string& folder) {
  return "phoenix audit verify " + folder + "/all.audit --keys " + folder + "/keys --checkpoint " +
         folder + "/now.checkpoint";
}

void AuditRun::start(const std::string& url, const std::string& folder, Done done) {
  done_ = std::move(done);
  auto pipe = make_pipe();
  if (!pipe) return done_(tl::unexpected(pipe.error()));
  Processes::Start start;
  start.args = {"sh", "-c", kScript, own_program(), url, folder};
  start.out = pipe->write.get();
  start.err = pipe->write.get();
  const auto pid = processes_.start(start, [this](int status) {
    status_ = status;
    finish();
  });
  if (!pid) return done_(tl::unexpected(pid.error()));
  reader_ = std::make_unique<PipeReader>(
      loop_, std::move(pipe->read), [this](std::string_view part) { output_.append(part); },
      [this] {
        output_ended_ = true;
        finish();
      });
}

void AuditRun::finish() {
  if (!output_ended_ || !status_) return;
  // The reader is what calls here: it goes on a later turn.
  loop_.post([this] {
    if (*status_ == 0) return done_(output_);
    done_(fail(ErrorKind::kInternal, "what was recorded does not verify: " + output_));
  });
}

}  // namespace phoenix::demo
