package dial_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/styxkit/styxkit/dial"
)

func ExampleParse() {
	for _, s := range []string{"fs", "fs!5640", "tcp!::1!styx", "/srv/fs", "tcp!fs:564"} {
		a, err := dial.Parse(s, "tcp", "9fs")
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(a, a.Port)
	}
	// Output:
	// tcp!fs!9fs 564
	// tcp!fs!5640 5640
	// tcp!::1!styx 6666
	// unix!/srv/fs 0
	// parse dial string "tcp!fs:564": host "fs:564" is not an ipv6 address: a service is set off by '!', not ':' (want net!host!service, host!service, host, unix!path or /path)
}

func ExampleNetMkAddr() {
	fmt.Println(dial.NetMkAddr("fs.example.org", "tcp", "9fs"))
	// Output: tcp!fs.example.org!9fs
}

func ExampleAnnounce() {
	ctx := context.Background()
	an, err := dial.Announce(ctx, "tcp!127.0.0.1!0")
	if err != nil {
		log.Fatal(err)
	}
	defer an.Close()
	go func() {
		conn, err := dial.Dial(ctx, an.String())
		if err != nil {
			log.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintln(conn, "from", dial.NetInfo(conn).Lsys)
	}()

	call, err := an.Listen()
	if err != nil {
		log.Fatal(err)
	}
	if call.Info().Rsys != "127.0.0.1" {
		call.Reject()
		return
	}
	conn, err := call.Accept()
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	io.Copy(os.Stdout, conn)
	// Output: from 127.0.0.1
}
