#include "model/service_change.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <netinet/in.h>
#include <stop_token>
#include <string>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/unique_fd.h"
#include "model/device.h"
#include "model/manifest.h"
#include "platform/emulated/supervisor.h"
#include "platform/emulated/supervisor_fixture.h"

namespace cutover {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using enum ServiceActionKind;

// Answers $VERSION to each connection, and 10 ms later. Asked to end, it accepts no more, but
// answers whom it has accepted, and takes $LINGER seconds in addition.
constexpr const char* kServer = R"(
import os, select, signal, socket, sys, threading, time
listener = socket.socket(fileno=3)
listener.setblocking(False)
woken, wake = os.pipe()
os.set_blocking(wake, False)
signal.set_wakeup_fd(wake)
signal.signal(signal.SIGTERM, lambda *_: None)
def answer(connection):
    connection.setblocking(True)
    connection.recv(100)
    time.sleep(0.01)
    connection.sendall(os.environ['VERSION'].encode())
    connection.close()
with open(os.environ['CUTOVER_DATA'] + '/port', 'w') as file:
    file.write('%d\n' % listener.getsockname()[1])
with open(os.environ['CUTOVER_DATA'] + '/pids', 'a') as file:
    file.write('%d\n' % os.getpid())
if 'MUTE' not in os.environ:
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.sendto(b'READY=1', '\0' + os.environ['NOTIFY_SOCKET'][1:])
threads = []
while True:
    readable = select.select([listener, woken], [], [])[0]
    if woken in readable:
        break
    try:
        connection = listener.accept()[0]
    except BlockingIOError:
        continue
    threads.append(threading.Thread(target=answer, args=[connection]))
    threads[-1].start()
listener.close()
for thread in threads:
    thread.join()
time.sleep(float(os.environ.get('LINGER', '0')))
print('all answered', flush=True)
)";

// One connection, one request; what was answered, or nothing.
std::string request(std::uint16_t port) {
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const sockaddr_in address{.sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
                              .sin_zero = {}};
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::send(fd.get(), "hello", 5, MSG_NOSIGNAL) != 5)
        return {};
    std::string said;
    std::array<char, 64> buffer{};
    for (;;) {
        const auto got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
        if (got <= 0) return got == 0 ? said : std::string();
        said.append(buffer.data(), static_cast<std::size_t>(got));
    }
}

// 20 clients who ask ten times a second each, until it is stopped.
class Load {
public:
    explicit Load(std::uint16_t port) {
        for (int i = 0; i < kClients; ++i)
            clients_.emplace_back([this, port, i](const std::stop_token& stop) {
                auto next = std::chrono::steady_clock::now() + i * 5ms;
                while (!stop.stop_requested()) {
                    std::this_thread::sleep_until(next);
                    next += 100ms;
                    const auto said = request(port);
                    const std::scoped_lock lock(mutex_);
                    ++answers_[said];
                }
            });
    }
    // How often each answer came since then; none is counted under "".
    std::map<std::string, int> answers() const {
        const std::scoped_lock lock(mutex_);
        return answers_;
    }
    int count(const std::string& answer) const {
        const std::scoped_lock lock(mutex_);
        const auto found = answers_.find(answer);
        return found == answers_.end() ? 0 : found->second;
    }
    void stop() {
        for (auto& client : clients_) client.request_stop();
        clients_.clear();
    }

private:
    static constexpr int kClients = 20;
    mutable std::mutex mutex_;
    std::map<std::string, int> answers_;
    std::vector<std::jthread> clients_;
};

struct ServiceChangeTest : SupervisorFixture {
    static PlannedService plan(ServiceSpec spec) {
        return {.spec = std::move(spec), .owner = "web 1", .after_start = {}};
    }
    static PlannedService script(const std::string& text) { return plan(shell("web", text)); }
    static PlannedService server(const std::string& version) {
        return plan({.name = "web",
                     .command = {"/usr/bin/python3", "-c", kServer},
                     .environment = {{"VERSION", version}},
                     .listen = {"tcp:127.0.0.1:0"},
                     .ready = ReadyWhen::notified});
    }
    // Says its number, and lives.
    static std::string living(const std::string& before = "") {
        return before + " echo $$ >>$CUTOVER_DATA/pids; while :; do sleep 0.01; done";
    }
    static std::vector<std::string> sh(const std::string& text) {
        return {"bin/busybox", "sh", "-c", text};
    }

    Result<> change(ServiceActionKind kind, const PlannedService& service,
                    const std::vector<std::string>& command = {}, std::stop_token stop = {}) {
        return supervisor->change(
            {{.kind = kind, .service = service, .command = command, .because = "web 2"}},
            std::move(stop));
    }
    std::uint16_t port() const {
        return static_cast<std::uint16_t>(std::stoul(awaited("data/port")));
    }
    std::vector<pid_t> pids(std::size_t count) const {
        std::vector<pid_t> result;
        EXPECT_TRUE(eventually([&] {
            result.clear();
            const auto said = text("data/pids");
            for (std::size_t at = 0; said.find('\n', at) != std::string::npos;
                 at = said.find('\n', at) + 1)
                result.push_back(static_cast<pid_t>(std::stol(said.substr(at))));
            return result.size() >= count;
        })) << count;
        return result;
    }
    // The old process may take a connection until it has heard that it is to end.
    bool comes_to_answer(const std::string& answer) const {
        return eventually([&] { return request(port()) == answer; });
    }
    static bool lives(pid_t pid) { return ::kill(pid, 0) == 0; }
    static bool ends(pid_t pid) {
        return eventually([pid] { return !lives(pid); });
    }
};

TEST_F(ServiceChangeTest, ARestartWithSocketsLosesNoRequest) {
    ASSERT_TRUE(start({server("old")})) << text("log/web.log");
    Load load(port());
    ASSERT_TRUE(eventually([&] { return load.count("old") >= 40; }));
    for (const auto* const version : {"second", "third", "fourth"}) {
        const auto changed = change(restart_with_sockets, server(version));
        ASSERT_TRUE(changed) << changed.error().text();
        EXPECT_EQ(status().state, "running");
        ASSERT_TRUE(eventually([&] { return load.count(version) >= 40; }));
    }
    load.stop();
    EXPECT_EQ(load.count(""), 0) << "requests without an answer";
    EXPECT_EQ(load.answers().size(), 4U);
    const auto all = pids(4);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(ends(all.at(i))) << "it was asked to end";
    EXPECT_TRUE(lives(all.back()));
    EXPECT_EQ(supervisor->status().size(), 1U);
}

TEST_F(ServiceChangeTest, ASuccessorThatIsNeverReadyLeavesTheOldOneToItsWork) {
    ASSERT_TRUE(start({server("old")})) << text("log/web.log");
    Load load(port());
    ASSERT_TRUE(eventually([&] { return load.count("old") >= 20; }));
    auto mute = server("new");
    mute.spec.environment["MUTE"] = "1";
    mute.spec.command = {"/usr/bin/python3", "-c", "import time\ntime.sleep(60)\n"};
    mute.spec.start_timeout = 300ms;
    const auto changed = change(restart_with_sockets, mute);
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().id, "service.change_failed");
    EXPECT_THAT(changed.error().message, HasSubstr("web"));
    EXPECT_THAT(changed.error().message, HasSubstr("not ready within 0.3 s"));
    const auto before = load.count("old");
    ASSERT_TRUE(eventually([&] { return load.count("old") >= before + 20; }));
    load.stop();
    EXPECT_EQ(load.answers().size(), 1U) << "all by the old one, none lost";
    EXPECT_EQ(status(), (ServiceStatus{.name = "web", .state = "running"}));
    EXPECT_TRUE(lives(pids(1).front()));
    // What is recorded is what runs: after a crash the old one comes back.
    ::kill(pids(1).front(), SIGKILL);
    ASSERT_TRUE(eventually([&] { return status().restarts == 1 && status().state == "running"; }));
    EXPECT_EQ(request(port()), "old");
}

TEST_F(ServiceChangeTest, ASuccessorThatCrashesIsToldWithItsLastWords) {
    ASSERT_TRUE(start({server("old")})) << text("log/web.log");
    auto broken = server("new");
    broken.spec.command = sh("echo no licence; exit 7");
    const auto changed = change(restart_with_sockets, broken);
    ASSERT_FALSE(changed);
    EXPECT_THAT(changed.error().message, HasSubstr("exit code 7, saying: no licence"));
    EXPECT_EQ(request(port()), "old");
    ASSERT_TRUE(change(restart_with_sockets, server("good"))) << "another change may follow";
    EXPECT_TRUE(comes_to_answer("good"));
}

// A notification counts for the process that sent it.
TEST_F(ServiceChangeTest, TheOldProcessCannotSpeakForTheNewOne) {
    auto chatty = plan({.name = "web",
                        .command = {"/usr/bin/python3", "-c",
                                    "import os,socket,time\n"
                                    "s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\n"
                                    "s.connect('\\0'+os.environ['NOTIFY_SOCKET'][1:])\n"
                                    "while True: s.send(b'READY=1'); time.sleep(0.005)\n"},
                        .ready = ReadyWhen::notified});
    ASSERT_TRUE(start({chatty}));
    auto silent = script("exec sleep 60");
    silent.spec.ready = ReadyWhen::notified;
    silent.spec.start_timeout = 200ms;
    EXPECT_FALSE(change(restart_with_sockets, silent));
    EXPECT_EQ(status().state, "running");
}

TEST_F(ServiceChangeTest, TheOldOneMayFinishWithoutHoldingUpTheChange) {
    auto slow = server("old");
    slow.spec.environment["LINGER"] = "0.5";
    auto options = kFast;
    options.stop_timeout = 50ms;
    ASSERT_TRUE(start({slow}, options)) << text("log/web.log");
    const auto old = pids(1).front();
    ASSERT_TRUE(change(restart_with_sockets, server("new")));
    EXPECT_TRUE(lives(old)) << "it drains";
    EXPECT_TRUE(comes_to_answer("new"));
    EXPECT_TRUE(ends(old));
    EXPECT_THAT(text("log/web.log"), HasSubstr("all answered"));
}

TEST_F(ServiceChangeTest, OneThatDrainsForeverIsKilled) {
    auto endless = server("old");
    endless.spec.environment["LINGER"] = "600";
    auto options = kFast;
    options.drain_timeout = 100ms;
    ASSERT_TRUE(start({endless}, options)) << text("log/web.log");
    ASSERT_TRUE(change(restart_with_sockets, server("new")));
    EXPECT_TRUE(ends(pids(2).front()));
}

TEST_F(ServiceChangeTest, SocketsComeAndGoWithTheNewSpec) {
    const auto show = [](const std::string& listen) {
        auto spec = ServiceSpec{.name = "web", .command = sh("echo $LISTEN_FDS; exec sleep 60")};
        spec.listen.push_back("tcp:127.0.0.1:0");
        if (!listen.empty()) spec.listen.push_back(listen);
        return plan(spec);
    };
    ASSERT_TRUE(start({show("")}));
    ASSERT_TRUE(change(restart_with_sockets, show("tcp:0")));
    EXPECT_TRUE(eventually([&] { return text("log/web.log") == "1\n2\n"; })) << text("log/web.log");
    ASSERT_TRUE(change(restart_with_sockets, show("")));
    EXPECT_TRUE(eventually([&] { return text("log/web.log") == "1\n2\n1\n"; }));
    const auto refused = change(restart_with_sockets, show("tcp:192.0.2.1:80"));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("tcp:192.0.2.1:80"));
    EXPECT_EQ(status().state, "running");
}

TEST_F(ServiceChangeTest, ServicesComeAndGo) {
    ASSERT_TRUE(start({}));
    const auto web = script(living());
    ASSERT_TRUE(change(ServiceActionKind::start, web));
    EXPECT_EQ(status(), (ServiceStatus{.name = "web", .state = "running"}));
    const auto first = pids(1).front();
    ASSERT_TRUE(change(ServiceActionKind::start, web)) << "it runs already";
    EXPECT_EQ(pids(1).size(), 1U);
    EXPECT_TRUE(lives(first));
    ASSERT_TRUE(change(stop, web));
    EXPECT_FALSE(lives(first)) << "it has ended when the action has";
    EXPECT_TRUE(supervisor->status().empty());
    ASSERT_TRUE(change(stop, web)) << "it is absent already";
}

TEST_F(ServiceChangeTest, AStopKillsWhatDoesNotListen) {
    ASSERT_TRUE(start({script(living("trap '' TERM;"))}));
    const auto deaf = pids(1).front();
    ASSERT_TRUE(change(stop, script(living())));
    EXPECT_FALSE(lives(deaf));
}

TEST_F(ServiceChangeTest, ARestartBeginsWhenTheOldProcessHasEnded) {
    const auto alone = [](const std::string& word) {
        return script(
            "mkdir $CUTOVER_DATA/lock || exit 9; "
            "trap 'sleep 0.05; rmdir $CUTOVER_DATA/lock; exit 0' TERM; echo " +
            word + " >$CUTOVER_DATA/word;" + living());
    };
    ASSERT_TRUE(start({alone("one")}));
    (void)pids(1);
    const auto changed = change(restart, alone("two"));
    ASSERT_TRUE(changed) << changed.error().text();
    EXPECT_TRUE(eventually([&] { return text("data/word") == "two\n"; }));
    EXPECT_EQ(status().restarts, 0);
    ASSERT_TRUE(change(restart, alone("two"))) << "always restarts";
    EXPECT_EQ(pids(3).size(), 3U);
}

TEST_F(ServiceChangeTest, ARestartKeepsTheSocketsOpen) {
    ASSERT_TRUE(start({server("old")})) << text("log/web.log");
    const auto where = port();
    Load load(where);
    ASSERT_TRUE(eventually([&] { return load.count("old") >= 20; }));
    ASSERT_TRUE(change(restart, server("new")));
    ASSERT_TRUE(eventually([&] { return load.count("new") >= 20; }));
    load.stop();
    EXPECT_EQ(load.count(""), 0) << "who came between waited";
    EXPECT_EQ(port(), where);
}

TEST_F(ServiceChangeTest, AFailedRestartCanBeReversed) {
    ASSERT_TRUE(start({script(living())}));
    const auto changed = change(restart, script("echo cannot; exit 5"));
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().id, "service.change_failed");
    EXPECT_THAT(changed.error().message, HasSubstr("restart service web"));
    EXPECT_THAT(changed.error().message, HasSubstr("exit code 5, saying: cannot"));
    EXPECT_EQ(status().state, "failed");
    ASSERT_TRUE(change(restart, script(living())));
    EXPECT_EQ(status(), (ServiceStatus{.name = "web", .state = "running"}));
}

TEST_F(ServiceChangeTest, TheFirstFailureEndsTheChange) {
    ASSERT_TRUE(start({}));
    const auto good = plan(shell("good", "exec sleep 60"));
    const auto bad = plan(shell("bad", "exit 1"));
    const auto later = plan(shell("later", "exec sleep 60"));
    const auto changed = supervisor->change({{.service = good, .command = {}, .because = {}},
                                             {.service = bad, .command = {}, .because = {}},
                                             {.service = later, .command = {}, .because = {}}},
                                            {});
    ASSERT_FALSE(changed);
    EXPECT_THAT(changed.error().message, HasSubstr("bad"));
    ASSERT_EQ(supervisor->status().size(), 2U);
    EXPECT_EQ(status(0).state, "running");
    EXPECT_EQ(status(1).state, "failed");
    ASSERT_TRUE(change(stop, bad));
    EXPECT_EQ(supervisor->status().size(), 1U);
}

TEST_F(ServiceChangeTest, AReloadIsASignalToTheMainProcess) {
    const auto web = script(living("trap 'echo reloaded' USR1;"));
    ASSERT_TRUE(start({web}));
    const auto first = pids(1).front();
    auto reloaded = web;
    reloaded.spec.reload_signal = "USR1";
    ASSERT_TRUE(change(reload, reloaded));
    EXPECT_TRUE(eventually([&] { return text("log/web.log") == "reloaded\n"; }));
    EXPECT_TRUE(lives(first));
}

TEST_F(ServiceChangeTest, AReloadThatEndsTheServiceHasFailed) {
    ASSERT_TRUE(start({script(living())}));
    (void)pids(1);
    const auto changed = change(reload, script(living()));
    ASSERT_FALSE(changed);
    EXPECT_THAT(changed.error().message, HasSubstr("on signal HUP: signal 1"));
    EXPECT_TRUE(eventually([&] { return status().state == "running"; })) << "its own rules go on";
    EXPECT_EQ(status().restarts, 1);
}

TEST_F(ServiceChangeTest, WhatDoesNotRunCanNeitherReloadNorBeHooked) {
    ASSERT_TRUE(start({}));
    EXPECT_THAT(change(reload, script("")).error().message, HasSubstr("does not run"));
    EXPECT_THAT(change(hook, script(""), sh("true")).error().message, HasSubstr("does not run"));
}

TEST_F(ServiceChangeTest, AHookIsToldForWhomItRuns) {
    ASSERT_TRUE(start({script(living())}));
    const auto first = pids(1).front();
    ASSERT_TRUE(change(hook, script(living()),
                       sh("pwd; echo $CUTOVER_SERVICE $CUTOVER_SERVICE_PID $CUTOVER_DATA")));
    EXPECT_EQ(text("log/web.log"),
              fmt::format("{}\nweb {} {}\n", path("root").string(), first, path("data").string()));
    EXPECT_TRUE(lives(first));
}

TEST_F(ServiceChangeTest, AHookThatFailsOrHangsFailsTheChangeAndTheServiceGoesOn) {
    ASSERT_TRUE(start({script(living())}));
    const auto first = pids(1).front();
    auto patched = script(living());
    patched.after_start = {sh("exit 3")};
    const auto changed = change(hook, patched, sh("echo one; echo two; exit 3"));
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().id, "service.change_failed");
    EXPECT_THAT(changed.error().message, HasSubstr("bin/busybox"));
    EXPECT_THAT(changed.error().message, HasSubstr("exit code 3, saying: one; two"));
    patched.spec.start_timeout = 100ms;
    EXPECT_THAT(change(hook, patched, sh("echo begun; exec sleep 60")).error().message,
                HasSubstr("not done in time"));
    EXPECT_THAT(change(hook, patched, {"bin/nothing"}).error().message, HasSubstr("bin/nothing"));
    EXPECT_TRUE(lives(first));
    EXPECT_EQ(status().state, "running");
    // The hooks of the failed change are not those of the service.
    ::kill(first, SIGKILL);
    EXPECT_TRUE(eventually([&] { return status().restarts == 1 && status().state == "running"; }));
}

TEST_F(ServiceChangeTest, ACrashDuringAHookFailsTheChange) {
    ASSERT_TRUE(start({script(living())}));
    (void)pids(1);
    const auto changed =
        change(hook, script(living()), sh("kill -9 $CUTOVER_SERVICE_PID; exec sleep 60"));
    ASSERT_FALSE(changed);
    EXPECT_THAT(changed.error().message, HasSubstr("while its hook ran: signal 9"));
    EXPECT_TRUE(eventually([&] { return status().restarts == 1 && status().state == "running"; }));
}

TEST_F(ServiceChangeTest, HooksRunAfterEachStartInTheirOrder) {
    auto patched = script(living());
    patched.after_start = {sh("echo first $CUTOVER_SERVICE_PID >>$CUTOVER_DATA/hooks"),
                           sh("echo second $CUTOVER_SERVICE_PID >>$CUTOVER_DATA/hooks")};
    ASSERT_TRUE(start({patched}));
    const auto first = pids(1).front();
    auto expected = fmt::format("first {0}\nsecond {0}\n", first);
    EXPECT_EQ(text("data/hooks"), expected) << "a start is over when its hooks are";
    ::kill(first, SIGKILL);
    ASSERT_TRUE(eventually([&] { return status().restarts == 1 && status().state == "running"; }));
    expected += fmt::format("first {0}\nsecond {0}\n", pids(2).at(1));
    EXPECT_EQ(text("data/hooks"), expected);
    ASSERT_TRUE(change(restart_with_sockets, patched));
    expected += fmt::format("first {0}\nsecond {0}\n", pids(3).at(2));
    EXPECT_EQ(text("data/hooks"), expected);
}

TEST_F(ServiceChangeTest, AStartWhoseHookFailsHasFailed) {
    auto patched = script(living());
    patched.after_start = {sh("echo wrong build; exit 4")};
    const auto started = start({patched});
    ASSERT_FALSE(started);
    EXPECT_THAT(started.error().message, HasSubstr("exit code 4, saying: wrong build"));
    EXPECT_EQ(status().state, "failed");
    EXPECT_TRUE(ends(pids(1).front()));
}

// Better given up than left running without its patches.
TEST_F(ServiceChangeTest, AHookThatFailsAfterEachCrashEndsTheService) {
    auto patched = script(living());
    patched.after_start = {sh("mkdir $CUTOVER_DATA/once || { echo again; exit 4; }")};
    ASSERT_TRUE(start({patched}));
    ::kill(pids(1).front(), SIGKILL);
    ASSERT_TRUE(eventually([&] { return status().state == "failed"; }));
    EXPECT_THAT(status().detail, HasSubstr("exit code 4, saying: "));
    EXPECT_THAT(status().detail, HasSubstr("again"));
    EXPECT_TRUE(ends(pids(4).back()));
}

TEST_F(ServiceChangeTest, OthersAreServedWhileAChangeLasts) {
    auto other = plan(shell("other", "echo $$ >>$CUTOVER_DATA/others; exec sleep 60"));
    ASSERT_TRUE(start({script(living()), other}));
    (void)awaited("data/others");
    const auto changed =
        change(hook, script(living()),
               sh("kill -9 $(cat $CUTOVER_DATA/others);"
                  "while [ $(wc -l <$CUTOVER_DATA/others) -lt 2 ]; do sleep 0.01; done"));
    EXPECT_TRUE(changed) << "it waits for the other one's next start";
    EXPECT_EQ(status(1).restarts, 1);
}

TEST_F(ServiceChangeTest, AChangeCanBeStoppedAndReversed) {
    struct Case {
        ServiceActionKind kind;
        std::string script;
    };
    for (const auto& [kind, text_of_it] :
         std::vector<Case>{{restart, "touch $CUTOVER_DATA/begun; exec sleep 60"},
                           {restart_with_sockets, "touch $CUTOVER_DATA/begun; exec sleep 60"}}) {
        std::filesystem::remove(path("data/begun"));
        ASSERT_TRUE(start({script(living())}));
        auto slow = script(text_of_it);
        slow.spec.ready = ReadyWhen::notified;
        std::stop_source source;
        const std::jthread stopper([&] {
            EXPECT_TRUE(eventually([&] { return std::filesystem::exists(path("data/begun")); }));
            source.request_stop();
        });
        const auto changed = change(kind, slow, {}, source.get_token());
        ASSERT_FALSE(changed);
        EXPECT_EQ(changed.error().kind, Errc::cancelled);
        const auto reversed = change(kind, script(living()));
        ASSERT_TRUE(reversed) << reversed.error().text();
        EXPECT_EQ(supervisor->status(),
                  (std::vector<ServiceStatus>{{.name = "web", .state = "running"}}));
        supervisor->stop();
    }
}

TEST_F(ServiceChangeTest, AStoppedHookIsNobodysPatch) {
    ASSERT_TRUE(start({script(living())}));
    auto patched = script(living());
    patched.after_start = {sh("exit 1")};
    std::stop_source source;
    const std::jthread stopper([&] {
        (void)awaited("data/hook");
        source.request_stop();
    });
    const auto changed =
        change(hook, patched, sh("echo $$ >$CUTOVER_DATA/hook; exec sleep 60"), source.get_token());
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().kind, Errc::cancelled);
    EXPECT_TRUE(ends(static_cast<pid_t>(std::stol(text("data/hook")))));
    ::kill(pids(1).front(), SIGKILL);
    EXPECT_TRUE(eventually([&] { return status().restarts == 1 && status().state == "running"; }));
}

TEST_F(ServiceChangeTest, AStartAfterAStoppedStopWaitsForTheOldProcess) {
    auto slow = server("old");
    slow.spec.environment["LINGER"] = "600";
    auto options = kFast;
    options.stop_timeout = 60s;
    ASSERT_TRUE(start({slow}, options)) << text("log/web.log");
    const auto old = pids(1).front();
    std::stop_source source;
    const std::jthread stopper([&] {
        EXPECT_TRUE(eventually([&] { return supervisor->status().empty(); }));
        source.request_stop();
    });
    ASSERT_FALSE(change(stop, slow, {}, source.get_token()));
    EXPECT_TRUE(lives(old));
    const std::jthread killer([&] {
        EXPECT_TRUE(eventually([&] { return !supervisor->status().empty(); }));
        EXPECT_EQ(status().state, "starting");
        ::kill(old, SIGKILL);
    });
    const auto started = change(ServiceActionKind::start, server("new"));
    ASSERT_TRUE(started) << started.error().text();
    EXPECT_FALSE(lives(old));
    EXPECT_EQ(request(port()), "new");
}

TEST_F(ServiceChangeTest, StoppingTheSupervisorEndsAChange) {
    ASSERT_TRUE(start({script(living())}));
    auto slow = script("touch $CUTOVER_DATA/begun; exec sleep 60");
    slow.spec.ready = ReadyWhen::notified;
    const std::jthread stopper([&] {
        EXPECT_TRUE(eventually([&] { return std::filesystem::exists(path("data/begun")); }));
        supervisor->stop();
    });
    const auto changed = change(restart_with_sockets, slow);
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().kind, Errc::cancelled);
    EXPECT_FALSE(change(restart, slow)) << "nothing can be changed any more";
}

}  // namespace
}  // namespace cutover
