// The whole worker as a process of its own, against a host that is played by this test on one loop:
// real HTTP, real commands, real signals.
#include "cli/worker/worker_main.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <functional>
#include <map>

#include "cli/worker/guard/process_tree.h"
#include "net/http_server.h"

namespace phoenix::worker {
namespace {

constexpr Duration kPatience = seconds(30);

class PlayedHost : public ::testing::Test {
 protected:
  ~PlayedHost() override {
    if (worker_ <= 0) return;
    kill(worker_, SIGKILL);
    waitpid(worker_, nullptr, 0);
  }

  // The worker is forked before this process has a loop, and told the address by a pipe.
  void begin(const std::function<void(WorkerOptions&)>& adapt) {
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    worker_ = fork();
    ASSERT_GE(worker_, 0);
    if (worker_ == 0) {
      close(ends[1]);
      WorkerOptions options;
      std::string url;
      char c = 0;
      while (read(ends[0], &c, 1) == 1) {
        if (c != ' ') {
          url.push_back(c);
        } else {
          options.urls.push_back(std::exchange(url, {}));
        }
      }
      options.id = "w1";
      options.capabilities = {"words"};
      options.verbosity = -1;
      adapt(options);
      _exit(run_worker(options));
    }
    close(ends[0]);
    loop_ = std::make_unique<EventLoop>();
    server_ = listen();
    other_ = listen();
    const std::string urls = "http://" + server_->address() + " http://" + other_->address() + " ";
    ASSERT_EQ(write(ends[1], urls.data(), urls.size()), static_cast<ssize_t>(urls.size()));
    close(ends[1]);
    patience_ = std::make_unique<Timer>(loop_->call_after(kPatience, [this] {
      ADD_FAILURE() << "nothing more happens";
      loop_->stop();
    }));
  }

  std::unique_ptr<HttpServer> listen() {
    HttpServerOptions options;
    options.listen = "127.0.0.1:0";
    auto server = HttpServer::listen(
        *loop_, options, [](const HttpHead&) { return std::nullopt; },
        [this](std::shared_ptr<HttpExchange> exchange) { take(std::move(exchange)); });
    EXPECT_TRUE(server);
    return std::move(*server);
  }

  void take(std::shared_ptr<HttpExchange> exchange) {
    const HttpHead& head = exchange->request().head;
    const std::string verb = head.path.substr(head.path.rfind('/') + 1);
    seen_.push_back(verb);
    bodies_[verb] = exchange->request().body;
    if (verb == "stream") {
      HttpResponse response;
      response.headers = {{"content-type", "text/event-stream"}};
      response.body = ":\n\n";
      stream_ = exchange->stream(std::move(response));
      if (on_["stream"]) on_["stream"]();
      return;
    }
    HttpResponse response;
    response.headers = {{"content-type", "application/json"}};
    const auto answer = answers_.find(verb);
    if (answer != answers_.end()) {
      response.status = answer->second.first;
      response.body = answer->second.second;
    } else if (verb == "members") {
      response.status = 201;
      response.body = R"({"session":{"token":"t","leaseSeconds":1},"run":1,"leaseMs":1000})";
    } else if (verb == "heartbeat") {
      response.body = R"({"revoked":[],"drain":null,"next":"1-0-0","run":1,"leaseMs":1000})";
    } else if (verb == "session") {
      response.body = R"({"session":{"token":"t2","leaseSeconds":1},"held":[],"revoked":[],)"
                      R"("next":"1-0-0","run":1,"leaseMs":1000})";
    } else {
      response.body = R"({"id":"p","status":"RUNNING","epoch":1,"revision":2})";
    }
    exchange->respond(std::move(response));
    if (on_[verb]) on_[verb]();
  }

  void deliver(const std::string& payload) {
    stream_->write(
        "id: 1-1-0\nevent: delivery\ndata: {\"member\":\"w1\",\"epoch\":1,\"packet\":"
        "{\"id\":\"p\",\"namespace\":\"default\",\"attempts\":0,\"payload\":" +
        payload + "}}\n\n");
  }
  void run() { loop_->run(); }
  void stop_on(const std::string& verb) {
    on_[verb] = [this] { loop_->stop(); };
  }
  // Goes on serving until the worker has ended.
  int await_exit() {
    const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, worker_, 0));
    EXPECT_GE(pidfd, 0);
    {
      const auto watch = loop_->watch_readable(pidfd, [this] { loop_->stop(); });
      loop_->run();
    }
    close(pidfd);
    int status = 0;
    EXPECT_EQ(waitpid(worker_, &status, WNOHANG), worker_);
    worker_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  void refuse(const std::string& verb, int status, const std::string& kind) {
    answers_[verb] = {status, R"({"type":"/problems/)" + kind + R"(","detail":"d"})"};
  }
  bool was_seen(const std::string& verb) const {
    return std::find(seen_.begin(), seen_.end(), verb) != seen_.end();
  }

  pid_t worker_ = -1;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<HttpServer> other_;  // the second host, to which the worker turns if it must
  std::unique_ptr<Timer> patience_;
  std::shared_ptr<HttpStream> stream_;
  std::vector<std::string> seen_;
  std::map<std::string, std::string> bodies_;
  std::map<std::string, std::function<void()>> on_;
  std::map<std::string, std::pair<int, std::string>> answers_;
};

TEST_F(PlayedHost, DoesAPieceOfWorkAndLeavesWhenAsked) {
  begin([](WorkerOptions& options) { options.command = {"tr", "a-z", "A-Z"}; });
  on_["stream"] = [this] { deliver("\"hello\""); };
  stop_on("complete");
  run();
  EXPECT_EQ(bodies_["complete"], R"({"epoch":1,"result":"HELLO"})");
  kill(worker_, SIGTERM);
  on_["drain"] = [this] { refuse("heartbeat", 410, "gone"); };
  EXPECT_EQ(await_exit(), 0);
}

TEST_F(PlayedHost, SendsCheckpointThenHandsOff) {
  begin([](WorkerOptions& options) {
    options.command = {"sh", "-c",
                       "echo half > $PHOENIX_CHECKPOINT_OUT.n; mv $PHOENIX_CHECKPOINT_OUT.n "
                       "$PHOENIX_CHECKPOINT_OUT; echo '{\"to\":\"w2\"}' > $PHOENIX_HANDOFF_OUT"};
  });
  on_["stream"] = [this] { deliver("1"); };
  stop_on("handoff");
  run();
  EXPECT_EQ(bodies_["handoff"], R"({"epoch":1,"to":"w2"})");
  EXPECT_NE(bodies_["checkpoint"].find(R"("checkpoint":"half\n","seq":)"), std::string::npos);
  EXPECT_FALSE(was_seen("complete"));
}

TEST_F(PlayedHost, GoesOnAtTheOtherHostWhenItsOwnDies) {
  begin([](WorkerOptions& options) {
    options.command = {"sh", "-c",
                       "echo $$ > $PHOENIX_CHECKPOINT_OUT.n; mv $PHOENIX_CHECKPOINT_OUT.n "
                       "$PHOENIX_CHECKPOINT_OUT; exec sleep 1000"};
  });
  on_["stream"] = [this] { deliver("1"); };
  stop_on("checkpoint");
  run();
  const std::string& checkpoint = bodies_["checkpoint"];
  const pid_t cmd = std::atoi(checkpoint.c_str() + checkpoint.find(R"(nt":")") + 5);
  ASSERT_GT(cmd, 1) << checkpoint;
  answers_["session"] = {200, R"({"session":{"token":"t","leaseSeconds":1},"held":[)"
                              R"({"id":"p","epoch":1}],"revoked":[],"next":"2-0-0","run":2,)"
                              R"("leaseMs":1000})"};
  answers_["heartbeat"] = {200, R"({"revoked":[],"drain":null,"next":"2-0-0","run":2,)"
                                R"("leaseMs":1000})"};
  on_["stream"] = nullptr;
  seen_.clear();
  const auto died = std::chrono::steady_clock::now();
  stream_.reset();
  server_->close_all();
  server_.reset();
  stop_on("session");
  run();
  // A lease is 1 s: to attach it does not wait for any part of that to pass.
  EXPECT_LT(std::chrono::steady_clock::now() - died, std::chrono::milliseconds(300));
  EXPECT_FALSE(was_seen("members"));
  on_["session"] = nullptr;
  stop_on("heartbeat");
  run();
  EXPECT_EQ(kill(cmd, 0), 0) << "the work in hand goes on";
}

TEST_F(PlayedHost, EndsWith1WhenCmdCannotBeExecuted) {
  begin([](WorkerOptions& options) { options.command = {"/nowhere/to/be/found"}; });
  on_["stream"] = [this] { deliver("1"); };
  on_["drain"] = [this] { refuse("heartbeat", 410, "gone"); };
  EXPECT_EQ(await_exit(), 1);
  EXPECT_TRUE(was_seen("release"));
}

TEST_F(PlayedHost, EndsWith4WhenAnotherTookItsId) {
  begin([](WorkerOptions& options) { options.command = {"sleep", "1000"}; });
  on_["stream"] = [this] {
    refuse("heartbeat", 409, "session-replaced");
    deliver("1");
  };
  EXPECT_EQ(await_exit(), 4);
}

TEST_F(PlayedHost, WithoutItsGuardianItEndsAndTakesEverythingWithIt) {
  begin([](WorkerOptions& options) {
    options.command = {"sh", "-c",
                       "(setsid sleep 1000 &); echo > $PHOENIX_CHECKPOINT_OUT.n;"
                       "mv $PHOENIX_CHECKPOINT_OUT.n $PHOENIX_CHECKPOINT_OUT; sleep 1000"};
  });
  on_["stream"] = [this] { deliver("1"); };
  stop_on("checkpoint");
  run();
  on_["checkpoint"] = nullptr;
  const std::vector<pid_t> all = descendants(worker_);
  ASSERT_GE(all.size(), 4U) << "guardian, warden, shell, sleep";
  kill(all.front(), SIGKILL);
  EXPECT_EQ(await_exit(), 1);
  for (pid_t pid : all) EXPECT_NE(kill(pid, 0), 0) << pid;
}

// Frozen while CMD ends, and until the lease is over; then continued.
class FrozenHost : public PlayedHost {
 protected:
  void freeze_while(const std::string& script, bool self_check) {
    begin([&](WorkerOptions& options) {
      options.command = {"sh", "-c", script};
      options.no_self_check = !self_check;
    });
    on_["stream"] = [this] { deliver("1"); };
    stop_on("start");
    run();
    kill(worker_, SIGSTOP);
    int status = 0;
    ASSERT_EQ(waitpid(worker_, &status, WUNTRACED), worker_);
    on_["start"] = nullptr;
  }
};

TEST_F(FrozenHost, BeyondItsLeaseItAttachesFirstAndDropsTheResult) {
  freeze_while("sleep 0.2; echo late", true);
  // What the lease allows has passed when this timer comes.
  const Timer thaw = loop_->call_after(milliseconds(1200), [this] {
    seen_.clear();
    kill(worker_, SIGCONT);
  });
  stop_on("session");
  run();
  // A heartbeat that had left before the freeze may still arrive, but no result.
  EXPECT_FALSE(was_seen("complete"));
  stop_on("heartbeat");
  run();
  EXPECT_FALSE(was_seen("complete"));
}

TEST_F(FrozenHost, WithoutItsOwnCheckItSendsTheLateResult) {
  freeze_while("sleep 0.2; echo late", false);
  const Timer thaw = loop_->call_after(milliseconds(1200), [this] {
    refuse("complete", 409, "stale-epoch");
    kill(worker_, SIGCONT);
  });
  stop_on("complete");
  run();
  EXPECT_EQ(bodies_["complete"], R"({"epoch":1,"result":"late\n"})");
}

}  // namespace
}  // namespace phoenix::worker
